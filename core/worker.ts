// A worker: intake, executor, leases and slots put together, from the first receive to a clean stop.
import type { Bugs } from "./bugs.ts";
import { Breaker } from "./circuit/breaker.ts";
import { type Dependencies, watchLedger, watchRunner } from "./circuit/dependencies.ts";
import type { Clock } from "./clock.ts";
import type { ExecutorPorts, Stopping } from "./delivery/effects/ports.ts";
import { SenderVersions } from "./delivery/effects/sender-versions.ts";
import { processDeadLetter, processDelivery } from "./delivery/executor.ts";
import type { Policy } from "./delivery/policy.ts";
import { type IntakeState, runIntake } from "./intake/intake.ts";
import {
  closedBecause,
  endedOf,
  type Lane,
  type LanePorts,
  openLane,
  snapshotOf,
  type WorkerQueue,
} from "./intake/lane.ts";
import { Quiet, quietReason } from "./intake/quiet.ts";
import { Slots } from "./intake/slots.ts";
import type { LeaseSettings } from "./lease/lease.ts";
import type { Ledger } from "./ledger/port.ts";
import { Notices } from "./notices.ts";
import type { Observe } from "./observe.ts";
import { Outages } from "./outages.ts";
import { countOutcomes, noOutcomes } from "./outcomes.ts";
import type { TaskProtection } from "./protection/task-protection.ts";
import { runPruning } from "./pruning.ts";
import type { Runner } from "./runner/port.ts";
import { runSweep } from "./sweep/sweep.ts";
import type { ProcessLetter } from "./sweep/sweep-pass.ts";
import type { WorkerSnapshot } from "./worker-snapshot.ts";

export interface WorkerPorts {
  /** At least one. */
  readonly queues: readonly WorkerQueue[];
  readonly ledger: Ledger;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly observe: Observe;
  /** The worker's loops report here what they throw. The caller stops the worker. */
  readonly bugs: Bugs;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  /** Absent: whoever may stop this worker's machine is not asked to spare it. */
  readonly protection?: TaskProtection;
}

export interface WorkerSettings {
  /** This worker's identity, as operators will read it. */
  readonly worker: string;
  readonly concurrency: number;
  /** Visibility timeout and ledger lease alike. */
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly policy: Policy;
  /** See `ExecutorPorts`. */
  readonly envelopeKeys?: readonly string[];
  /** How often the dead letter queue is looked at for what SQS itself moved there; null: never. */
  readonly sweepMs: number | null;
  /** How often rows of the ledger that no message can ask for any more are looked for; null: never. */
  readonly pruneMs: number | null;
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
  readonly #lanes: readonly Lane[];
  readonly #notices: Notices;
  readonly #senders = new SenderVersions();
  readonly #copied = new Set<string>();
  readonly #intake: IntakeState;
  readonly #outcomes = noOutcomes();
  /** Passes through the dead letters that are under way. */
  #sweeping = 0;
  readonly #quiet = new Quiet();
  readonly #kill = new AbortController();
  readonly #over = new AbortController();

  constructor(ports: WorkerPorts, settings: WorkerSettings) {
    this.#breaker = new Breaker(ports, this.#quiet);
    this.#ports = {
      ...ports,
      ledger: countOutcomes(watchLedger(ports.ledger, this.#breaker), this.#outcomes),
      runner: watchRunner(ports.runner, this.#breaker),
    };
    this.#settings = settings;
    this.#slots = new Slots(settings.concurrency);
    const killMarginMs = Math.min(KILL_MARGIN_CAP_MS, settings.leaseMs / 6);
    this.#lease = { leaseMs: settings.leaseMs, killMarginMs };
    this.#notices = new Notices(ports);
    this.#intake = { lastTurnAtMs: ports.clock.monoMs() };
    this.#lanes = ports.queues.map((queue) => this.#openLane(queue));
  }

  #openLane(queue: WorkerQueue): Lane {
    const own = {
      breaker: this.#breaker,
      slots: this.#slots,
      stopped: this.#quiet.stopped,
      notify: this.#notices.tell,
      senders: this.#senders,
      copied: this.#copied,
    };
    const process: LanePorts["process"] = (received, executor) => {
      const live = (runner: ExecutorPorts["runner"]) =>
        processDelivery(received, { ...executor, runner }, this.#stopping());
      return this.#ports.protection?.during(executor.runner, live) ?? live(executor.runner);
    };
    const ports = { ...this.#ports, ...this.#settings, ...own, process };
    return openLane(queue, ports, this.#lease, this.#ports.queues.length === 1);
  }

  /** Takes steps until `stop`; resolves when every delivery has met its end. Never rejects: a loop that throws is reported as a bug. */
  async run(): Promise<void> {
    const { leaseMs, waitMs } = this.#settings;
    const { bugs, clock, protection } = this.#ports;
    for (const { leases } of this.#lanes) void bugs.supervise("leases", leases.start());
    if (protection !== undefined) void bugs.supervise("task protection", protection.start());
    const sources = this.#lanes.map(({ source }) => source);
    const intake = { sources, slots: this.#slots, clock, breaker: this.#breaker, bugs, kill: this.#kill.signal };
    const beside = [
      ...this.#lanes.map((lane) => bugs.supervise("sweep", this.#sweep(lane))),
      bugs.supervise("pruning", this.#prune()),
    ];
    await runIntake(intake, { waitMs, visibilityMs: leaseMs }, this.#quiet, this.#intake);
    await Promise.all(beside);
    await Promise.all(this.#lanes.map(({ leases }) => leases.stop()));
    await this.#ports.protection?.stop();
    await this.#notices.flush(LAST_NOTICES_MS);
    this.#over.abort();
  }

  async #sweep({ queue: source, gate, executor }: Lane): Promise<void> {
    const { worker, sweepMs: intervalMs } = this.#settings;
    if (intervalMs === null) return;
    const { observe } = executor;
    const outages = new Outages({ clock: this.#ports.clock, observe });
    const process: ProcessLetter = (received, queue, lies) =>
      processDeadLetter(received, lies, { ...executor, queue, outages }, this.#stopping());
    const passing = (underWay: boolean) => {
      this.#sweeping += underWay ? 1 : -1;
    };
    await runSweep(
      () => source.deadLetters(),
      { ...this.#ports, observe, outages, breaker: gate, process, passing, copied: this.#copied },
      { ...this.#lease, worker, intervalMs },
      this.#quiet.stopped,
    );
  }

  async #prune(): Promise<void> {
    const { worker, pruneMs: intervalMs } = this.#settings;
    const queues = this.#ports.queues.map(({ queue }) => queue);
    if (intervalMs !== null) await runPruning({ ...this.#ports, queues }, { worker, intervalMs }, this.#quiet.stopped);
  }

  /** For one delivery that is taken now. */
  #stopping(): Stopping {
    return { quiet: this.#quiet.signal, kill: this.#kill.signal };
  }

  /** Starts nothing new until `resume`; what runs goes on. What the receives under way still fetch is given back. */
  quiet(by: string): void {
    const asked = { by, atMs: this.#ports.clock.wallMs() };
    if (!this.#quiet.ask(asked)) return;
    this.#ports.protection?.release();
    const busy = this.#busy;
    const message = `${quietReason(asked)}; ${busy} step(s) go on`;
    this.#ports.observe({ event: "worker.quiet", level: "warn", message, by, busy });
  }

  resume(by: string): void {
    if (!this.#quiet.resume()) return;
    if (!this.#quiet.stopped.aborted) this.#ports.protection?.resume();
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
    this.#ports.protection?.release();
    const busy = this.#busy;
    const message = `stopping: ${busy} step(s) may finish within ${graceMs / 1000} s`;
    this.#ports.observe({ event: "worker.stopping", level: "info", message, busy, graceMs });
    // A worker that is over sooner must not be kept alive by its grace.
    void this.#ports.clock.sleep(graceMs, this.#over.signal).then(() => this.#kill.abort());
  }

  snapshot(): WorkerSnapshot {
    const sources = this.#lanes.map(({ source }) => source);
    const polls = sources.flatMap(({ pollingSinceMs }) => pollingSinceMs ?? []);
    const received = sources.reduce((sum, source) => sum + source.received, 0);
    const ended = endedOf(this.#lanes);
    const underWay = received - Object.values(ended).reduce((sum, count) => sum + count) + this.#sweeping;
    return {
      busy: this.#busy,
      slots: this.#slots.total,
      stopping: this.#quiet.stopped.aborted,
      quiet: this.#quiet.asked,
      underWay,
      idle: polls.length === 0 && underWay === 0,
      received,
      ended,
      outcomes: this.#outcomes,
      closedBecause: closedBecause(this.#breaker, this.#lanes),
      broken: this.#breaker.broken(),
      pollingSinceMs: polls.length === 0 ? null : Math.min(...polls),
      lastTurnAtMs: this.#intake.lastTurnAtMs,
      queues: this.#lanes.map(snapshotOf),
    };
  }

  /** Slots with a step in them; those that the polls keep free for what they may fetch have none. */
  get #busy(): number {
    return this.#slots.busy - this.#lanes.reduce((sum, { source }) => sum + source.slotsInPoll, 0);
  }
}
