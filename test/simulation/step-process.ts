// A step process: the host's side of the border (python/src/dagster_taskiq/host), reduced to what
// decides. It reads the log first, asks for its permit once, looks at the deadline right before it
// writes, and reports its outcome before its hooks run.

import type { Hold } from "../../core/ledger/port.ts";
import type { Outcome } from "../../core/runner/frames.ts";
import type { AskPermit, Permit } from "../../core/runner/port.ts";
import type { WorkEnd } from "../../core/runner/work.ts";
import type { StepId } from "../../core/step/step.ts";
import { errorInfo } from "../support/ports/scripted-steps.ts";
import type { Surroundings } from "./border.ts";
import {
  type Dagster,
  type EventKind,
  type RecordedResult,
  readAttempt,
  resultAt,
  resultOf,
  type TerminalKind,
} from "./dagster.ts";
import type { ProcessFault } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Recorder } from "./recorder.ts";
import type { RecordedOutcome } from "./recorder-transaction.ts";
import type { Referee } from "./referee.ts";
import { WRITE_BOUND_MS } from "./scenario.ts";

/** Rules of the step host that a mutant can break. */
export const hostRules = {
  readsLog: true,
  readsLogBeforeReport: true,
  requiresOpen: true,
  asksPermit: true,
  keepsDeadline: true,
  recorderKeepsDeadline: true,
  /** Of the recorder: what comes before a terminal event is written within the lease. */
  recorderKeepsLease: true,
  /**
   * Without it the other defences are seen for themselves: it would hide that one of them is
   * missing.
   */
  endsWithTerm: true,
  /** Of the recorder: what a step sent before its terminal event is written with it, or before. */
  keepsOrder: true,
  /** Of a transaction that settles a claim: the claim must hold when it commits. */
  locksFence: true,
  transactsEvent: true,
  transactsSettlement: true,
  /** Of the recorder: its steps die with it, and no other one goes on with them. */
  endsWithRecorder: true,
  /** The end of a process is reported once its recorder writes nothing more for it. */
  exitsAfterDone: true,
};

export type HostRules = Readonly<typeof hostRules>;

export interface ProcessPorts extends Surroundings {
  readonly life: Life;
  readonly dagster: Dagster;
  readonly referee: Referee;
  readonly rules: HostRules;
  /** Ends every process of this worker's host. */
  readonly loseHost: () => void;
}

/**
 * After a worker's death its host kills what it ran; one that outlives it does so for at most this
 * long.
 */
export const ORPHAN_MS = 30_000;
export const KILL_MS = 50;
/** A kill later than this after its killer woke counts as never done. */
export const NEGLECT_MS = 1_000;

export class StepProcess {
  readonly name: string;
  readonly step: StepId;
  readonly key: string;
  outcome: Outcome | null = null;
  open = false;
  /** `null` means that it writes to Dagster's storage itself. */
  recorder: Recorder | null = null;
  /** Its recorder settles this claim with its end. `null` means that it asks for a permit. */
  claim: Hold | null = null;
  /** Unless its lease is renewed. */
  leaseEndsAtMs = Number.POSITIVE_INFINITY;
  /** Resolves when it is dead. */
  readonly ended: Promise<WorkEnd>;
  readonly #ports: ProcessPorts;
  readonly #ask: AskPermit;
  readonly #end: (end: WorkEnd) => void;
  #alive = true;
  #stalledUntilMs = 0;
  #orphan = false;
  #hostStalledUntilMs = 0;

  constructor(name: string, key: string, step: StepId, ask: AskPermit, ports: ProcessPorts) {
    const { promise, resolve } = Promise.withResolvers<WorkEnd>();
    this.name = name;
    this.key = key;
    this.step = step;
    this.ended = promise;
    this.#end = resolve;
    this.#ask = ask;
    this.#ports = ports;
    ports.life.onDeath(() => this.#loseWorker());
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Its host has died and left it alive. */
  get isOrphan(): boolean {
    return this.#orphan;
  }

  /** Its host could have ended it by now, whatever happened to its worker. */
  get watched(): boolean {
    return !this.#orphan && this.#ports.clock.monoMs() - this.#hostStalledUntilMs > NEGLECT_MS;
  }

  report(outcome: Outcome): void {
    this.outcome = outcome;
  }

  exit(): void {
    this.die({ how: "exited", code: 0, signal: null });
  }

  die(end: WorkEnd): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#ports.trace.note(this.name, end.how === "exited" && end.code === 0 ? "exits" : "dies", this.key);
    this.#end(end);
  }

  /** It stands still with its host. */
  freeze(ms: number): void {
    const untilMs = this.#ports.clock.monoMs() + ms;
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, untilMs);
    this.#hostStalledUntilMs = Math.max(this.#hostStalledUntilMs, untilMs);
  }

  /** SIGKILL to the group, which takes a moment. */
  kill(): void {
    const { clock, dice } = this.#ports;
    clock.schedule(dice.between(`${this.name} killed in`, 0, KILL_MS), () => this.#killed());
  }

  /**
   * The host ends it by itself, whatever its worker is about: not after the host's own end, and not
   * while the whole machine stalls.
   */
  endFor(cause: "timed_out" | "expired"): void {
    const { clock } = this.#ports;
    if (this.#orphan) return;
    const stalledMs = this.#hostStalledUntilMs - clock.monoMs();
    if (stalledMs > 0) return void clock.schedule(stalledMs, () => this.endFor(cause));
    this.die({ how: "exited", code: null, signal: "SIGKILL", killed: { cause, message: "its time is over" } });
  }

  /** Goes on in `ms`, later when it is stalled then, never when it is dead. */
  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#ports.clock.schedule(ms, resolve));
    const stalledMs = this.#stalledUntilMs - this.#ports.clock.monoMs();
    if (stalledMs > 0) return await this.pause(stalledMs);
    if (!this.#alive) await new Promise<never>(() => undefined);
  }

  /** Passes a stage at which something may go wrong. */
  async pass(stage: string, kinds: readonly ProcessFault[] = anywhere): Promise<void> {
    const { faults, trace } = this.#ports;
    const strike = faults.at(`process.${stage}`, this.key, kinds);
    if (strike === null) return;
    trace.note(this.name, `fault: ${strike.id}`, this.key);
    this.#suffer(strike.kind, strike.id);
    await this.pause(0);
  }

  standing() {
    const { dagster } = this.#ports;
    const log = readAttempt(dagster.log(this.step), this.step.attempt);
    return { log, over: this.#over(log) };
  }

  write(kind: EventKind): void {
    if (this.recorder === null) this.record(kind);
    else this.recorder.take(this, kind);
  }

  /** The event stands in the log from now on. */
  record(kind: EventKind): void {
    this.#ports.trace.note(this.name, `writes ${kind}`, this.key);
    this.#ports.referee.touching(this.step, kind, this.name);
    this.#ports.dagster.write(this.step, kind, this.name);
  }

  /** Asks, looks at the deadline, writes, reports. Does not return without a permit. */
  async writeTerminal(kind: TerminalKind, outcome: RecordedOutcome): Promise<void> {
    if (this.recorder !== null) {
      await this.recorder.end(this, kind, outcome);
      return await this.pause(0);
    }
    const { clock, dice, rules, referee } = this.#ports;
    const askedAtMs = clock.monoMs();
    const permit = rules.asksPermit
      ? await this.#askInPerson()
      : ({ granted: true, withinMs: Number.POSITIVE_INFINITY } as const);
    await this.pass("permitted", loosely);
    const lapsed = permit.granted && clock.monoMs() >= askedAtMs + permit.withinMs;
    if (!permit.granted || (lapsed && rules.keepsDeadline)) return await this.#giveUp();
    const strike = this.#ports.faults.at("process.writing", this.key, writing);
    const isQuick = strike === null && dice.roll(`${this.name} writes at once`) < 0.7;
    const commitMs = isQuick ? 0 : dice.between(`${this.name} commits in`, 1, WRITE_BOUND_MS - 1);
    // A database goes on committing for a client that is gone.
    const stands = strike === null || dice.roll(`${this.name} commits`) < 0.7;
    clock.schedule(commitMs, () => {
      if (!stands) return;
      referee.writing(this.step, kind, this.name);
      this.record(kind);
    });
    if (strike?.kind === "process_dies") this.#suffer(strike.kind, strike.id);
    await this.pause(commitMs);
    if (strike?.kind === "write_in_doubt") return await this.#giveUp();
    await this.pass("written");
    this.report(outcome);
  }

  result(state: RecordedResult["state"]): RecordedResult {
    const nowMs = this.#ports.clock.wallMs();
    return resultAt(state, nowMs, nowMs);
  }

  #over(log: ReturnType<typeof readAttempt>): Outcome | null {
    if (log.terminal !== null) return { kind: "already_recorded", result: resultOf(log) };
    if (!this.#ports.dagster.runIsOver(this.step.runId)) return null;
    return { kind: "run_over", result: this.result("run_over") };
  }

  async #askInPerson(): Promise<Permit> {
    const permit = await this.askWorker();
    await this.pass("asking", asking);
    await this.pause(0);
    return permit;
  }

  async askWorker(): Promise<Permit> {
    const { life, trace } = this.#ports;
    trace.note(this.name, "asks", this.key);
    const { promise, resolve } = Promise.withResolvers<Permit>();
    life.enter(() => void this.#ask().then(resolve));
    life.onDeath(() => {
      // No worker is left to answer: it ends by itself, unless it has its answer.
      void Promise.resolve().then(() => resolve({ granted: false }));
    });
    return await promise;
  }

  async #giveUp(): Promise<never> {
    this.report({ kind: "permit_refused" });
    this.exit();
    return await new Promise<never>(() => undefined);
  }

  #suffer(kind: ProcessFault, id: string): void {
    const { life, clock, dice, leaseMs, loseHost } = this.#ports;
    // Half of the stalls end about when a permit does.
    const most = dice.roll(`${id} is short`) < 0.5 ? 0.6 * leaseMs : 3 * leaseMs;
    const long = () => dice.between(`${id} for`, 1, most);
    if (kind === "process_stalls" || kind === "both_stall" || kind === "orphaned") {
      this.#stalledUntilMs = clock.monoMs() + long();
    }
    if (kind === "worker_stalls" || kind === "both_stall") life.stall(long());
    if (kind === "both_stall") {
      this.#hostStalledUntilMs = this.#stalledUntilMs;
      this.recorder?.stall(this.#stalledUntilMs - clock.monoMs());
    }
    if (kind === "process_dies") this.#killed();
    if (kind === "host_dies") loseHost();
    if (kind === "orphaned") {
      this.#orphan = true;
      life.die();
    }
    if (kind === "instance_down") {
      this.report({ kind: "fault", scope: "instance", error: errorInfo("OperationalError", "no answer") });
      this.exit();
    }
  }

  #loseWorker(): void {
    const { clock, dice, leaseMs } = this.#ports;
    const ms = this.#orphan ? 3 * leaseMs + ORPHAN_MS : dice.between(`${this.name} outlives its worker`, 0, KILL_MS);
    clock.schedule(ms, () => this.#killed());
  }

  #killed(): void {
    this.die({ how: "exited", code: null, signal: "SIGKILL" });
  }
}

const anywhere: readonly ProcessFault[] = ["process_dies", "process_stalls", "worker_stalls", "host_dies"];
const asking: readonly ProcessFault[] = ["process_dies", "process_stalls"];
const writing = ["process_dies", "write_in_doubt"] as const;
/** Where a process may be left to itself. */
export const loosely: readonly ProcessFault[] = [...anywhere, "orphaned", "both_stall"];
export const firstLook: readonly ProcessFault[] = [...anywhere, "instance_down"];
