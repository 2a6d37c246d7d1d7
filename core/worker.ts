// A worker: intake, executor, leases and slots put together, from the first receive to a clean stop.
import { Breaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import type { Received } from "./delivery.ts";
import { type Dependencies, watchLedger, watchRunner } from "./dependencies.ts";
import type { ExecutorPorts, Stopping } from "./effects/ports.ts";
import { processDeadLetter, processDelivery } from "./executor.ts";
import { type IntakeState, newIntakeState, runIntake } from "./intake.ts";
import { LeaseKeeper, type LeaseSettings } from "./lease.ts";
import type { Ledger } from "./ledger/port.ts";
import { Notices } from "./notices.ts";
import type { Observe } from "./observe.ts";
import type { Policy } from "./policy.ts";
import { runPruning } from "./pruning.ts";
import type { DeadLetterQueue, Queue } from "./queue/port.ts";
import { type AskedQuiet, Quiet, quietReason } from "./quiet.ts";
import type { Runner } from "./runner/port.ts";
import { Slots } from "./slots.ts";
import type { Disposition } from "./states.ts";
import { runSweep } from "./sweep.ts";

export interface WorkerPorts {
  readonly queue: Queue;
  readonly ledger: Ledger;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

export interface WorkerSettings {
  /** This worker's identity, as operators will read it. */
  readonly worker: string;
  readonly concurrency: number;
  /** Visibility timeout and ledger lease alike. */
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly policy: Policy;
  /** How often the dead letter queue is looked at for what SQS itself moved there; null: never. */
  readonly sweepMs: number | null;
  /** How often rows of the ledger that no message can ask for any more are looked for; null: never. */
  readonly pruneMs: number | null;
}

/** Facts for the health server; times are monotonic milliseconds. */
export interface WorkerSnapshot {
  readonly busy: number;
  readonly slots: number;
  readonly stopping: boolean;
  /** Who asked for quiet; null: nobody. */
  readonly quiet: AskedQuiet | null;
  /** Nothing is being received, and nothing that was received is without its end. */
  readonly idle: boolean;
  readonly received: number;
  readonly ended: Readonly<Record<Disposition, number>>;
  readonly closedBecause: string | null;
  readonly pollingSinceMs: number | null;
  readonly lastTurnAtMs: number;
}

/** Killing a group takes milliseconds; the rest is for an event loop that is late. */
const KILL_MARGIN_CAP_MS = 5_000;

/** What a stop that has to be done in time can spare for engine events. */
const LAST_NOTICES_MS = 3_000;

export class Worker {
  readonly #ports: Omit<WorkerPorts, "ledger" | "runner"> & Dependencies;
  readonly #settings: WorkerSettings;
  readonly #breaker: Breaker;
  readonly #slots: Slots;
  readonly #lease: LeaseSettings;
  readonly #leases: LeaseKeeper;
  readonly #notices: Notices;
  readonly #intake: IntakeState;
  /** Dead letters that are being ended. */
  #sweeping = 0;
  readonly #quiet = new Quiet();
  readonly #kill = new AbortController();
  readonly #over = new AbortController();

  constructor(ports: WorkerPorts, settings: WorkerSettings) {
    this.#breaker = new Breaker(ports, this.#quiet);
    this.#ports = {
      ...ports,
      ledger: watchLedger(ports.ledger, this.#breaker),
      runner: watchRunner(ports.runner, this.#breaker),
    };
    this.#settings = settings;
    this.#slots = new Slots(settings.concurrency);
    const killMarginMs = Math.min(KILL_MARGIN_CAP_MS, settings.leaseMs / 6);
    this.#lease = { leaseMs: settings.leaseMs, killMarginMs };
    this.#leases = new LeaseKeeper(this.#ports, this.#lease);
    this.#notices = new Notices(ports);
    this.#intake = newIntakeState(ports.clock);
  }

  /** Takes steps until `stop`; resolves when every delivery has met its end. */
  async run(): Promise<void> {
    const { clock, queue, observe } = this.#ports;
    const { leaseMs, waitMs } = this.#settings;
    const executor = { ...this.#ports, ...this.#settings, notify: this.#notices.tell };
    this.#leases.start();
    const intake = {
      queue,
      leases: this.#leases,
      slots: this.#slots,
      clock,
      observe,
      breaker: this.#breaker,
      process: (received: Received) => processDelivery(received, executor, this.#stopping()),
    };
    const beside = [this.#sweep(executor), this.#prune()];
    await runIntake(intake, { waitMs, visibilityMs: leaseMs }, this.#quiet, this.#intake);
    await Promise.all(beside);
    await this.#leases.stop();
    await this.#notices.flush(LAST_NOTICES_MS);
    this.#over.abort();
  }

  async #sweep(executor: Omit<ExecutorPorts, "queue">): Promise<void> {
    const { worker, sweepMs: intervalMs } = this.#settings;
    if (intervalMs === null) return;
    const open = () => this.#ports.queue.deadLetters();
    const process = async (received: Received, queue: DeadLetterQueue) => {
      this.#sweeping += 1;
      try {
        return await processDeadLetter(received, { ...executor, queue }, this.#stopping());
      } finally {
        this.#sweeping -= 1;
      }
    };
    await runSweep(
      open,
      { ...this.#ports, breaker: this.#breaker, process },
      { ...this.#lease, worker, intervalMs },
      this.#quiet.stopped,
    );
  }

  async #prune(): Promise<void> {
    const { worker, pruneMs: intervalMs } = this.#settings;
    if (intervalMs !== null) await runPruning(this.#ports, { worker, intervalMs }, this.#quiet.stopped);
  }

  /** For one delivery that is taken now. */
  #stopping(): Stopping {
    return { quiet: this.#quiet.signal, kill: this.#kill.signal };
  }

  /** Starts nothing new until `resume`; what runs goes on. What the receives under way still fetch is given back. */
  quiet(by: string): void {
    const asked = { by, atMs: this.#ports.clock.wallMs() };
    if (!this.#quiet.ask(asked)) return;
    const busy = this.#busy;
    const message = `${quietReason(asked)}; ${busy} step(s) go on`;
    this.#ports.observe({ event: "worker.quiet", level: "warn", message, by, busy });
  }

  resume(by: string): void {
    if (!this.#quiet.resume()) return;
    this.#ports.observe({
      event: "worker.resumed",
      level: "info",
      message: `taking steps again: ${by} asked for it`,
      by,
    });
  }

  /**
   * Takes nothing new, lets running steps finish for `graceMs`, then kills what is left; those steps go back to the queue at no cost.
   * Called again with less grace, it hurries.
   */
  stop(graceMs: number): void {
    this.#quiet.stop();
    const busy = this.#busy;
    const message = `stopping: ${busy} step(s) may finish within ${graceMs / 1000} s`;
    this.#ports.observe({ event: "worker.stopping", level: "info", message, busy, graceMs });
    // A worker that is over sooner must not be kept alive by its grace.
    void this.#ports.clock.sleep(graceMs, this.#over.signal).then(() => this.#kill.abort());
  }

  snapshot(): WorkerSnapshot {
    const { received, ended, pollingSinceMs, lastTurnAtMs } = this.#intake;
    const underWay = received - Object.values(ended).reduce((sum, count) => sum + count) + this.#sweeping;
    return {
      busy: this.#busy,
      slots: this.#slots.total,
      stopping: this.#quiet.stopped.aborted,
      quiet: this.#quiet.asked,
      idle: pollingSinceMs === null && underWay === 0,
      received,
      ended,
      closedBecause: this.#breaker.closedBecause(),
      pollingSinceMs,
      lastTurnAtMs,
    };
  }

  /** Slots with a step in them; those that the poll keeps free for what it may fetch have none. */
  get #busy(): number {
    return this.#slots.busy - this.#intake.slotsInPoll;
  }
}
