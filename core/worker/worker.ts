// A worker: its lanes, intake, slots and breaker put together, from the first receive to a clean
// stop.
import { QuietLook } from "../admission/quiet-poll.ts";
import { QuietSwitch } from "../admission/quiet-switch.ts";
import { Slots } from "../admission/slots.ts";
import type { Bugs } from "../bugs.ts";
import { Breaker } from "../circuit/breaker.ts";
import { type Dependencies, watchLedger, watchRunner } from "../circuit/dependencies.ts";
import type { Clock } from "../clock.ts";
import { runSweep } from "../dead-letters/sweep/sweep.ts";
import { SenderVersions } from "../delivery/effects/sender-versions.ts";
import { noOutcomes } from "../delivery/outcome-counts.ts";
import type { Policy } from "../delivery/policy.ts";
import { counted } from "../formats/counted.ts";
import { inSeconds } from "../formats/durations.ts";
import { Intake } from "../intake/intake.ts";
import { type Lane, openLane, type WorkerQueue } from "../intake/lane.ts";
import { repeatCutReceives } from "../intake/repeated-receives.ts";
import type { LeaseSettings } from "../lease/lease.ts";
import type { CutReceives } from "../ledger/cut-receives.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import { Outages } from "../outages.ts";
import type { Runner } from "../runner/port.ts";
import { Notices } from "./notices.ts";
import type { TaskProtection } from "./protection/task-protection.ts";
import { runPruning } from "./pruning.ts";
import {
  closedBecause,
  endedOf,
  type IntakeState,
  laneStateOf,
  quietQueuesOf,
  snapshotOf,
  type WorkerSnapshot,
} from "./snapshot.ts";

export interface WorkerPorts {
  /** At least one. */
  readonly queues: readonly WorkerQueue[];
  readonly ledger: Dependencies["ledger"] & Pick<Ledger, "ping" | "quiet" | "cutReceives" | "close">;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly observe: Observe;
  /** The worker's loops report their errors here. The caller stops the worker. */
  readonly bugs: Bugs;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  /** Absent: nothing protects this worker's machine from being stopped. */
  readonly protection?: TaskProtection;
}

export interface WorkerSettings {
  /** This worker's identity, as operators will read it. */
  readonly worker: string;
  readonly concurrency: number;
  /** Both the visibility timeout and the ledger lease. */
  readonly leaseMs: number;
  readonly waitMs: number;
  /** See `ExecutorPorts`. */
  readonly ledgerSchema?: string | null;
  readonly policy: Policy;
  /** See `ExecutorPorts`. */
  readonly envelopeKeys?: readonly string[];
  /**
   * How often the worker looks in the dead letter queue for messages that SQS itself moved there.
   * `null` means never.
   */
  readonly sweepMs: number | null;
  /**
   * How often the worker reads quiet requests, and cut receives, from the ledger. `null` means
   * never.
   */
  readonly quietMs: number | null;
  /**
   * How often the worker prunes the ledger of rows that no message can ask for any more. `null`
   * means never.
   */
  readonly pruneMs: number | null;
}

/** Killing a group takes milliseconds. The rest is for an event loop that is late. */
const KILL_MARGIN_CAP_MS = 5_000;

/** How long a stop waits for engine events. */
const LAST_NOTICES_MS = 3_000;

export class Worker {
  readonly #ports: Omit<WorkerPorts, "ledger" | "runner"> & Dependencies;
  readonly #settings: WorkerSettings;
  readonly #look: QuietLook | null;
  readonly #cutReceives: CutReceives;
  readonly #breaker: Breaker;
  readonly #slots: Slots;
  readonly #lease: LeaseSettings;
  readonly #lanes: readonly Lane[];
  readonly #notices: Notices;
  readonly #senders = new SenderVersions();
  readonly #copied = new Set<string>();
  readonly #intake: Intake;
  readonly #outcomes = noOutcomes();
  /** How many passes of the sweep are under way. */
  #sweeping = 0;
  readonly #stopped = new AbortController();
  readonly #quiet: QuietSwitch;
  readonly #kill = new AbortController();
  readonly #over = new AbortController();

  constructor(ports: WorkerPorts, settings: WorkerSettings) {
    this.#breaker = new Breaker(ports, this.#stopped.signal);
    this.#ports = {
      ...ports,
      ledger: watchLedger(ports.ledger, this.#breaker),
      runner: watchRunner(ports.runner, this.#breaker),
    };
    this.#settings = settings;
    this.#cutReceives = ports.ledger.cutReceives;
    this.#slots = new Slots(settings.concurrency, () => this.#intake.wake());
    const killMarginMs = Math.min(KILL_MARGIN_CAP_MS, settings.leaseMs / 6);
    this.#lease = { leaseMs: settings.leaseMs, killMarginMs };
    this.#notices = new Notices(ports);
    this.#lanes = ports.queues.map((queue) => this.#openLane(queue));
    this.#intake = this.#openIntake();
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
      kill: this.#kill.signal,
      notify: this.#notices.notify,
      senders: this.#senders,
      copied: this.#copied,
      outcomes: this.#outcomes,
    };
    const ports = { ...this.#ports, ...this.#settings, ...own };
    return openLane(queue, ports, this.#lease, this.#ports.queues.length === 1);
  }

  #openIntake(): Intake {
    const { clock, bugs } = this.#ports;
    const { leaseMs, waitMs } = this.#settings;
    const cutReceives = this.#cutReceives;
    const own = { lanes: this.#lanes, slots: this.#slots, breaker: this.#breaker, kill: this.#kill.signal };
    return new Intake({ clock, bugs, cutReceives, ...own }, { waitMs, leaseMs }, this.#stopped.signal);
  }

  /**
   * Takes steps until `stop`. Resolves when every delivery has met its end. Never rejects, because
   * a loop that throws is reported as a bug.
   */
  async run(): Promise<void> {
    const { bugs, protection } = this.#ports;
    const look = this.#look;
    if (look !== null) await bugs.supervise("quiet requests", look.first(this.#stopped.signal));
    for (const { leases } of this.#lanes) void bugs.supervise("leases", leases.start());
    if (protection !== undefined) void bugs.supervise("task protection", protection.start());
    const beside = [
      ...this.#lanes.map((lane) => bugs.supervise("sweep", this.#sweep(lane))),
      bugs.supervise("pruning", this.#prune()),
      bugs.supervise("cut receives", this.#repeatCutReceives()),
      ...(look === null ? [] : [bugs.supervise("quiet requests", look.run(this.#stopped.signal))]),
    ];
    await this.#intake.run();
    await Promise.all(beside);
    await Promise.all(this.#lanes.map(({ leases }) => leases.stop()));
    await this.#ports.protection?.stop();
    await this.#notices.flush(LAST_NOTICES_MS);
    this.#over.abort();
  }

  async #sweep({ queue, gate, quiet, executor, observe }: Lane): Promise<void> {
    const { worker, sweepMs } = this.#settings;
    if (sweepMs === null) return;
    const outages = new Outages({ clock: this.#ports.clock, observe });
    const passing = (underWay: boolean) => {
      this.#sweeping += underWay ? 1 : -1;
    };
    await runSweep(
      () => queue.deadLetters(),
      { ...this.#ports, observe, outages, breaker: gate, executor, quiet, passing, copied: this.#copied },
      { ...this.#lease, worker, sweepMs },
      this.#stopped.signal,
    );
  }

  async #prune(): Promise<void> {
    const { worker, pruneMs: intervalMs } = this.#settings;
    const queues = this.#ports.queues.map(({ queue }) => queue);
    if (intervalMs !== null) await runPruning({ ...this.#ports, queues }, { worker, intervalMs }, this.#stopped.signal);
  }

  async #repeatCutReceives(): Promise<void> {
    const { quietMs } = this.#settings;
    if (quietMs === null) return;
    const outages = new Outages(this.#ports);
    const own = { lanes: this.#lanes, intake: this.#intake, cutReceives: this.#cutReceives, outages };
    await repeatCutReceives({ ...this.#ports, ...own }, quietMs, this.#stopped.signal);
  }

  #openLook(ports: WorkerPorts, intervalMs: number): QuietLook {
    const own = { outages: new Outages(ports), quiet: this.#quiet, quietQueues: () => quietQueuesOf(this.#lanes) };
    return new QuietLook(
      { ...ports, ...own, records: ports.ledger.quiet },
      { worker: this.#settings.worker, intervalMs },
    );
  }

  /**
   * Starts nothing new until `resume`. Running steps go on, and messages of the receives under way
   * are given back.
   */
  quiet(by: string): void {
    this.#quiet.askHere(by);
  }

  /** Undoes `quiet`. Requests made through the ledger stay in force. */
  resume(by: string): void {
    this.#quiet.resumeHere(by);
  }

  #protect(working: boolean): void {
    if (!working) this.#ports.protection?.release();
    else if (!this.#stopped.signal.aborted) this.#ports.protection?.resume();
  }

  /**
   * Takes nothing new, lets running steps finish for `graceMs`, then kills the rest. Killed steps
   * go back to the queue and get their start back. A second call with less grace shortens the wait.
   */
  stop(graceMs: number): void {
    this.#stopped.abort();
    this.#ports.protection?.release();
    const busy = this.#busy;
    const message = `stopping: ${counted(busy, "step")} may finish within ${inSeconds(graceMs)}`;
    this.#ports.observe({ event: "worker.stopping", level: "info", message, busy, graceMs });
    // The timer must not keep alive a worker that ends sooner.
    void this.#ports.clock.sleep(graceMs, this.#over.signal).then(() => this.#kill.abort());
  }

  snapshot(): WorkerSnapshot {
    const polls = this.#lanes.flatMap(({ pollingSinceMs }) => pollingSinceMs ?? []);
    const underWay = this.#lanes.reduce((sum, lane) => sum + lane.underWay, this.#sweeping);
    return {
      busy: this.#busy,
      slots: this.#slots.total,
      stopping: this.#stopped.signal.aborted,
      quiet: this.#quiet.asked,
      underWay,
      idle: polls.length === 0 && underWay === 0,
      received: this.#lanes.reduce((sum, lane) => sum + lane.received, 0),
      ended: endedOf(this.#lanes),
      outcomes: this.#outcomes,
      closedBecause: closedBecause(this.#breaker, this.#lanes),
      broken: this.#breaker.broken(),
      pollingSinceMs: polls.length === 0 ? null : Math.min(...polls),
      lastTurnAtMs: this.#intake.lastTurnAtMs,
      queues: this.#lanes.map(snapshotOf),
    };
  }

  /** What the status page shows beside the snapshot. */
  intakeState(): IntakeState {
    return { outages: this.#breaker.reasons, queues: this.#lanes.map(laneStateOf) };
  }

  /** Slots with a step in them. The slots that polls keep free have none. */
  get #busy(): number {
    return this.#slots.busy - this.#lanes.reduce((sum, { slotsInPoll }) => sum + slotsInPoll, 0);
  }
}
