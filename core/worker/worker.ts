// A worker: intake, executor, leases and slots put together, from the first receive to a clean stop.
import { QuietLook } from "../admission/quiet-poll.ts";
import { QuietSwitch } from "../admission/quiet-switch.ts";
import { Slots } from "../admission/slots.ts";
import type { Bugs } from "../bugs.ts";
import { Breaker } from "../circuit/breaker.ts";
import { type Dependencies, watchLedger, watchRunner } from "../circuit/dependencies.ts";
import type { Clock } from "../clock.ts";
import { runSweep } from "../dead-letters/sweep/sweep.ts";
import type { ProcessLetter } from "../dead-letters/sweep/sweep-pass.ts";
import type { ExecutorPorts } from "../delivery/effects/ports.ts";
import { SenderVersions } from "../delivery/effects/sender-versions.ts";
import { processDeadLetter, processDelivery } from "../delivery/executor.ts";
import type { Policy } from "../delivery/policy.ts";
import { type IntakeState, runIntake } from "../intake/intake.ts";
import {
  closedBecause,
  endedOf,
  type Lane,
  type LanePorts,
  openLane,
  quietQueuesOf,
  snapshotOf,
  type WorkerQueue,
} from "../intake/lane.ts";
import type { LeaseSettings } from "../lease/lease.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import { Outages } from "../outages.ts";
import type { Runner } from "../runner/port.ts";
import { Notices } from "./notices.ts";
import { countOutcomes, noOutcomes } from "./outcome-counts.ts";
import type { TaskProtection } from "./protection/task-protection.ts";
import { runPruning } from "./pruning.ts";
import type { WorkerSnapshot } from "./snapshot.ts";

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
  /** How often the ledger is read for requests that this worker take no new steps; null: never. */
  readonly quietMs: number | null;
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
  readonly #look: QuietLook | null;
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
  readonly #stopped = new AbortController();
  readonly #quiet: QuietSwitch;
  readonly #kill = new AbortController();
  readonly #over = new AbortController();

  constructor(ports: WorkerPorts, settings: WorkerSettings) {
    this.#breaker = new Breaker(ports, this.#stopped.signal);
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
    this.#quiet = new QuietSwitch(settings.worker, this.#lanes, {
      ...ports,
      busy: () => this.#busy,
      onChange: (quiet) => this.#protect(!quiet),
    });
    this.#look = settings.quietMs === null ? null : this.#openLook(ports, settings.quietMs);
  }

  #openLane(queue: WorkerQueue): Lane {
    const own = {
      breaker: this.#breaker,
      slots: this.#slots,
      stopped: this.#stopped.signal,
      notify: this.#notices.tell,
      senders: this.#senders,
      copied: this.#copied,
    };
    const process: LanePorts["process"] = (received, executor, quiet) => {
      const live = (runner: ExecutorPorts["runner"]) =>
        processDelivery(received, { ...executor, runner }, { quiet, kill: this.#kill.signal });
      return this.#ports.protection?.during(executor.runner, live) ?? live(executor.runner);
    };
    const ports = { ...this.#ports, ...this.#settings, ...own, process };
    return openLane(queue, ports, this.#lease, this.#ports.queues.length === 1);
  }

  /** Takes steps until `stop`; resolves when every delivery has met its end. Never rejects: a loop that throws is reported as a bug. */
  async run(): Promise<void> {
    const { leaseMs, waitMs } = this.#settings;
    const { bugs, clock, protection } = this.#ports;
    const look = this.#look;
    if (look !== null) await look.first(this.#stopped.signal);
    for (const { leases } of this.#lanes) void bugs.supervise("leases", leases.start());
    if (protection !== undefined) void bugs.supervise("task protection", protection.start());
    const sources = this.#lanes.map(({ source }) => source);
    const intake = { sources, slots: this.#slots, clock, breaker: this.#breaker, bugs, kill: this.#kill.signal };
    const beside = [
      ...this.#lanes.map((lane) => bugs.supervise("sweep", this.#sweep(lane))),
      bugs.supervise("pruning", this.#prune()),
      ...(look === null ? [] : [bugs.supervise("quiet requests", look.run(this.#stopped.signal))]),
    ];
    await runIntake(intake, { waitMs, visibilityMs: leaseMs }, this.#stopped.signal, this.#intake);
    await Promise.all(beside);
    await Promise.all(this.#lanes.map(({ leases }) => leases.stop()));
    await this.#ports.protection?.stop();
    await this.#notices.flush(LAST_NOTICES_MS);
    this.#over.abort();
  }

  async #sweep({ queue: source, gate, quiet, executor }: Lane): Promise<void> {
    const { worker, sweepMs: intervalMs } = this.#settings;
    if (intervalMs === null) return;
    const { observe } = executor;
    const outages = new Outages({ clock: this.#ports.clock, observe });
    const process: ProcessLetter = (received, queue, lies) =>
      processDeadLetter(
        received,
        lies,
        { ...executor, queue, outages },
        { quiet: quiet.signal, kill: this.#kill.signal },
      );
    const passing = (underWay: boolean) => {
      this.#sweeping += underWay ? 1 : -1;
    };
    await runSweep(
      () => source.deadLetters(),
      { ...this.#ports, observe, outages, breaker: gate, process, passing, copied: this.#copied },
      { ...this.#lease, worker, intervalMs },
      this.#stopped.signal,
    );
  }

  async #prune(): Promise<void> {
    const { worker, pruneMs: intervalMs } = this.#settings;
    const queues = this.#ports.queues.map(({ queue }) => queue);
    if (intervalMs !== null) await runPruning({ ...this.#ports, queues }, { worker, intervalMs }, this.#stopped.signal);
  }

  #openLook(ports: WorkerPorts, intervalMs: number): QuietLook {
    const own = { outages: new Outages(ports), quiet: this.#quiet, quietQueues: () => quietQueuesOf(this.#lanes) };
    return new QuietLook(
      { ...ports, ...own, records: ports.ledger.quiet },
      { worker: this.#settings.worker, intervalMs },
    );
  }

  /** Starts nothing new until `resume`; what runs goes on. What the receives under way still fetch is given back. */
  quiet(by: string): void {
    this.#quiet.askHere(by);
  }

  /** Undoes `quiet`. What was asked through the ledger stands. */
  resume(by: string): void {
    this.#quiet.resumeHere(by);
  }

  #protect(working: boolean): void {
    if (!working) this.#ports.protection?.release();
    else if (!this.#stopped.signal.aborted) this.#ports.protection?.resume();
  }

  /**
   * Takes nothing new, lets running steps finish for `graceMs`, then kills what is left; those steps go back to the queue at no cost.
   * Called again with less grace, it hurries.
   */
  stop(graceMs: number): void {
    this.#stopped.abort();
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
      stopping: this.#stopped.signal.aborted,
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
