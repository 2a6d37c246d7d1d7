// The recorder of a step host (python/src/dagster_taskiq/host/recorder), reduced to what decides.
// It has the events of all step processes of its host, writes those of several steps in one
// transaction, and asks for the permit of a terminal event. It checks the permit's deadline right
// before each COMMIT. Where the ledger is in the same database it asks for none: the transaction
// settles the claim, if that still holds.

import type { Outcome } from "../../core/runner/frames.ts";
import { errorInfo } from "../support/ports/scripted-steps.ts";
import type { EventKind, TerminalKind } from "./dagster.ts";
import type { ProcessFault } from "./faults.ts";
import { asking, RecorderLife, writing } from "./recorder-life.ts";
import {
  type Part,
  type RecordedOutcome,
  type RecordedStep,
  type RecorderPorts,
  storePart,
  type TerminalEnd,
} from "./recorder-transaction.ts";
import { WRITE_BOUND_MS } from "./scenario.ts";
import type { StepProcess } from "./step-process.ts";
import { recorderLost } from "./step-work.ts";

/** A plain event is written within this time. */
const WRITTEN_WITHIN_MS = 50;
const RETRY_MS = 500;
/** How long it waits for a database that is away. */
const PATIENCE_MS = 15_000;

export class Recorder {
  readonly #name: string;
  readonly #ports: RecorderPorts;
  readonly #onDeath: (survivors: readonly RecordedStep[]) => void;
  readonly #steps = new Map<StepProcess, RecordedStep>();
  readonly #life: RecorderLife;
  #busy = false;
  #awaySinceMs: number | null = null;

  constructor(name: string, ports: RecorderPorts, onDeath: (survivors: readonly RecordedStep[]) => void) {
    this.#name = name;
    this.#ports = ports;
    this.#onDeath = onDeath;
    this.#life = new RecorderLife(name, ports, { death: () => this.#leave(), waking: () => void this.#write() });
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  /** Resolves when it has answered whether an attempt may run, or is dead. */
  async answer(): Promise<void> {
    await this.#life.awake();
  }

  /** Writes for the process from now on. */
  begin(process: StepProcess): void {
    this.#stepOf(process);
  }

  /** Takes a plain event. A process that finds its recorder dead leaves at once. */
  take(process: StepProcess, kind: EventKind): void {
    if (!this.alive) {
      process.exit();
      return;
    }
    this.#ports.referee.sends(process.name, kind);
    this.#stepOf(process).waiting.push(kind);
    this.#soon(WRITTEN_WITHIN_MS);
  }

  /** Events may have waited for the renewal of a lease. */
  renewed(): void {
    this.#soon(0);
  }

  /** Resolves when the terminal event stands. Otherwise the process ends. */
  async end(process: StepProcess, kind: TerminalKind, outcome: RecordedOutcome): Promise<void> {
    const { promise, resolve: stands } = Promise.withResolvers<void>();
    const end = { kind, outcome: { ...outcome, settled: process.claim !== null }, stands };
    if (this.alive) void this.#ask(this.#stepOf(process), end);
    else process.exit();
    await promise;
  }

  /** Resolves once nothing more is written for a process that is gone. */
  async gone(process: StepProcess): Promise<void> {
    const step = this.#steps.get(process);
    if (step === undefined || !this.alive) return;
    // What has no permit yet gets none.
    if (step.deadlineMs === null) step.end = null;
    const { promise, resolve } = Promise.withResolvers<void>();
    step.done = resolve;
    this.#soon(0);
    await promise;
  }

  stall(ms: number): void {
    this.#life.stall(ms);
  }

  die(): void {
    this.#life.die();
  }

  /** A transaction that it has sent to the database may take effect all the same. */
  #leave(): void {
    const { rules } = this.#ports;
    const steps = [...this.#steps.values()];
    if (rules.endsWithRecorder) {
      for (const { process } of steps) if (process.alive && !process.isOrphan) this.#lose(process);
    }
    for (const { done } of steps) done?.();
    this.#onDeath(steps.filter(({ process }) => process.alive));
  }

  /** Goes on with what another recorder had. */
  adopt(step: RecordedStep): void {
    this.#steps.set(step.process, step);
    this.#soon(0);
  }

  #stepOf(process: StepProcess): RecordedStep {
    const step = this.#steps.get(process) ?? {
      process,
      waiting: [],
      end: null,
      deadlineMs: null,
      ended: false,
      done: null,
    };
    this.#steps.set(process, step);
    return step;
  }

  async #ask(step: RecordedStep, end: TerminalEnd): Promise<void> {
    const { process } = step;
    const { clock, referee, rules } = this.#ports;
    referee.sends(process.name, end.kind);
    step.end = end;
    await this.#life.awake();
    if (step.end === null || !this.alive) return;
    const { over } = process.standing();
    if (over !== null && rules.readsLog) return this.#close(step, over);
    await this.#life.pass("recorder.asking", asking, this.#steps.keys());
    if (step.end === null || !this.alive) return;
    const askedAtMs = clock.monoMs();
    const asks = rules.asksPermit && process.claim === null;
    const permit = asks ? await process.askWorker() : { granted: true as const, withinMs: Number.POSITIVE_INFINITY };
    await this.#life.awake();
    if (step.end === null || !this.alive) return;
    if (!permit.granted) return this.#close(step, { kind: "permit_refused" });
    step.deadlineMs = askedAtMs + permit.withinMs;
    this.#soon(0);
  }

  #soon(ms: number): void {
    this.#ports.clock.schedule(ms, () => void this.#write());
  }

  async #write(): Promise<void> {
    if (!this.alive || this.#busy || this.#life.stalled) return;
    this.#finish();
    const due = [...this.#steps.values()].filter((step) => this.#hasWork(step));
    if (due.length === 0 || this.#isAway(due)) return;
    this.#busy = true;
    // Between the beginning of its transaction and COMMIT, right before which it looks at
    // deadlines.
    const fault = await this.#life.pass("recorder.writing", writing, this.#steps.keys());
    if (!this.alive) return;
    await this.#commit(
      due.map((step) => this.#partOf(step)),
      fault,
    );
    this.#busy = false;
    this.#soon(0);
  }

  #hasWork(step: RecordedStep): boolean {
    return step.deadlineMs !== null || (step.waiting.length > 0 && this.#mayWritePlain(step));
  }

  /**
   * Once the lease has ended, another worker may end the attempt: by then nothing of it may be on
   * its way any more.
   */
  #mayWritePlain({ process, ended }: RecordedStep): boolean {
    const { clock, rules } = this.#ports;
    return ended || !rules.recorderKeepsLease || clock.monoMs() < process.leaseEndsAtMs - WRITE_BOUND_MS;
  }

  /** A terminal event whose permit has lapsed is left out. */
  #partOf(step: RecordedStep): Part {
    const { clock, rules } = this.#ports;
    const lapsed = step.deadlineMs !== null && clock.monoMs() >= step.deadlineMs;
    if (lapsed && rules.keepsDeadline && rules.recorderKeepsDeadline) this.#close(step, { kind: "permit_refused" });
    const end = step.deadlineMs === null ? null : step.end;
    const isHeld = end === null && !this.#mayWritePlain(step);
    return { step, plain: isHeld || (end !== null && !rules.keepsOrder) ? [] : [...step.waiting], end };
  }

  async #commit(parts: readonly Part[], fault: ProcessFault | null): Promise<void> {
    const { clock, dagster, dice } = this.#ports;
    const { failovers } = dagster;
    const isCut = () => dagster.failovers > failovers;
    const name = `${this.#name} at ${clock.monoMs()}`;
    const isQuick = fault === null && dice.roll(`${name} at once`) < 0.7;
    const commitMs = isQuick ? 0 : dice.between(`${name} in`, 1, WRITE_BOUND_MS - 1);
    // A database commits for a client that is gone, and its answer may be lost.
    const isSure = fault !== "recorder_dies" && fault !== "commit_in_doubt";
    let stands = true;
    const written = new Set<Part>();
    clock.schedule(commitMs, () => {
      stands = (isSure && !isCut()) || dice.roll(`${name} stands`) < 0.7;
      if (stands) for (const part of parts) if (storePart(part, this.#ports, this.alive)) written.add(part);
    });
    if (fault === "recorder_dies") this.die();
    await new Promise<void>((resolve) => void clock.schedule(commitMs, resolve));
    await this.#life.awake();
    if (!this.alive) return;
    const isInDoubt = (fault === "commit_in_doubt" || isCut()) && dice.roll(`${name} stays in doubt`) < 0.3;
    for (const part of parts) {
      if (isInDoubt) this.#giveUp(part);
      else if (written.has(part)) this.#written(part);
      else if (stands) this.#close(part.step, { kind: "permit_refused" });
    }
  }

  #written({ step, plain, end }: Part): void {
    step.waiting.splice(0, plain.length);
    if (end === null) return;
    step.end = null;
    step.deadlineMs = null;
    step.ended = true;
    step.process.report(end.outcome);
    end.stands();
  }

  /** Nothing says whether its transaction took effect. */
  #giveUp({ step, end }: Part): void {
    step.waiting = [];
    if (end === null) this.#fail(step, "WriteInDoubt");
    else this.#close(step, { kind: "permit_refused" });
  }

  #fail(step: RecordedStep, name: string): void {
    step.waiting = [];
    this.#close(step, { kind: "fault", scope: "instance", error: errorInfo(name, "Dagster's storage failed") });
  }

  /** Ends the process. What it sent before its terminal event is written. */
  #close(step: RecordedStep, outcome: Outcome): void {
    step.end = null;
    step.deadlineMs = null;
    if (step.process.outcome === null) step.process.report(outcome);
    step.process.exit();
  }

  #finish(): void {
    for (const step of this.#steps.values()) {
      if (step.done === null || this.#hasWork(step)) continue;
      this.#steps.delete(step.process);
      step.done();
    }
  }

  #lose(process: StepProcess): void {
    if (process.outcome === null) process.report(recorderLost);
    process.die({ how: "exited", code: null, signal: "SIGKILL" });
  }

  #isAway(due: readonly RecordedStep[]): boolean {
    const { dagster, clock } = this.#ports;
    if (!dagster.down) this.#awaySinceMs = null;
    else this.#awaySinceMs ??= clock.monoMs();
    if (this.#awaySinceMs === null) return false;
    if (clock.monoMs() - this.#awaySinceMs >= PATIENCE_MS) for (const step of due) this.#fail(step, "NoConnection");
    this.#soon(RETRY_MS);
    return true;
  }
}
