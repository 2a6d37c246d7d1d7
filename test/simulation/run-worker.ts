// A run's worker, as the StepDelegatingExecutor has it. It sends attempts, tails the log, sends the
// next attempt after STEP_UP_FOR_RETRY, and answers a RESOURCE_INIT_FAILURE. When it is lost,
// another one begins with the events in the log.
import type { Agenda } from "./agenda.ts";
import { type Dagster, type LogEntry, readAttempt } from "./dagster.ts";
import type { Dice } from "./dice.ts";
import type { RunPlan, StepPlan } from "./workload.ts";

export interface RunWorkerPorts {
  readonly agenda: Agenda;
  readonly dagster: Dagster;
  readonly dice: Dice;
  readonly send: (run: RunPlan, step: StepPlan, attempt: number) => void;
  readonly note: (what: string) => void;
  /** Whether the step was given up and left to an operator. */
  readonly isParked: (runId: string, stepKey: string) => boolean;
}

/** Between the death of a run worker and the start of the next. */
const LONGEST_GAP_MS = 30_000;
/** It polls the log. */
const LONGEST_LOOK_MS = 1_500;

export class RunWorker {
  readonly plan: RunPlan;
  readonly #ports: RunWorkerPorts;
  /**
   * Grows with every death; what an earlier one had in mind does not happen. Null while there is
   * none.
   */
  #epoch: number | null = null;
  #epochs = 0;
  /** Attempts that this epoch sent, or will. */
  readonly #launched = new Set<string>();
  #looks = 0;

  constructor(plan: RunPlan, ports: RunWorkerPorts) {
    this.plan = plan;
    this.#ports = ports;
    const { agenda, dice } = ports;
    agenda.schedule(plan.startsAtMs, () => this.#begin());
    for (const [i, atMs] of plan.resumedAtMs.entries()) {
      const gapMs = dice.between(`${plan.id} gap ${i}`, 0, LONGEST_GAP_MS);
      if (atMs <= plan.startsAtMs) continue;
      agenda.schedule(atMs, () => this.#lose());
      agenda.schedule(atMs + gapMs, () => this.#resume());
    }
    if (plan.canceledAtMs !== null) agenda.schedule(plan.canceledAtMs, () => this.#cancel());
  }

  /** A step of it was parked, and whatever else there was to do is done. */
  get waitsForOperator(): boolean {
    const open = this.plan.steps.filter((step) => this.#standing(step) === "open");
    const isParked = ({ key }: StepPlan) => this.#ports.isParked(this.plan.id, key);
    return open.some(isParked) && open.every((step) => isParked(step) || !this.#isReady(step));
  }

  /** The ready step that keeps the run from ending. `null` means that there is none. */
  get openStep(): string | null {
    const step = this.plan.steps.find((other) => this.#standing(other) === "open" && this.#isReady(other));
    return step === undefined ? null : `${this.plan.id}:${step.key}`;
  }

  get over(): boolean {
    return this.#ports.dagster.runIsOver(this.plan.id);
  }

  /** A step's event appeared in the log. */
  saw(stepKey: string): void {
    const { dice } = this.#ports;
    this.#looks += 1;
    const inMs = dice.between(`${this.plan.id} look ${this.#looks}`, 0, LONGEST_LOOK_MS);
    this.#later(inMs, () => this.#follow(stepKey));
  }

  #begin(): void {
    this.#ports.dagster.setRun(this.plan.id, "started");
    this.#resume();
  }

  #lose(): void {
    if (this.over) return;
    this.#ports.note("the run worker is lost");
    this.#epoch = null;
  }

  #resume(): void {
    if (this.over) return;
    this.#epochs += 1;
    this.#epoch = this.#epochs;
    this.#launched.clear();
    this.#ports.note(this.#epochs === 1 ? "the run starts" : "the run is resumed");
    for (const step of this.plan.steps) this.#answerResourceFailure(step);
    this.#launchReady();
  }

  #cancel(): void {
    if (this.#ports.dagster.runIsOver(this.plan.id)) return;
    this.#ports.dagster.setRun(this.plan.id, "canceled");
    this.#ports.note("the run is canceled");
  }

  #follow(stepKey: string): void {
    const step = this.plan.steps.find(({ key }) => key === stepKey);
    if (step === undefined || this.over) return;
    this.#answerResourceFailure(step);
    this.#launchReady();
  }

  #answerResourceFailure(step: StepPlan): void {
    const log = this.#log(step);
    const retries = log.filter(({ kind }) => kind === "STEP_UP_FOR_RETRY").length;
    // Dagster answers each one that it reads, whatever stands behind it.
    if (readAttempt(log, retries).terminal?.kind !== "RESOURCE_INIT_FAILURE") return;
    const kind = retries < step.retries ? "STEP_UP_FOR_RETRY" : "STEP_FAILURE";
    this.#ports.dagster.write({ runId: this.plan.id, stepKey: step.key }, kind, "run worker");
  }

  #launchReady(): void {
    for (const step of this.plan.steps) {
      if (this.#standing(step) === "open" && this.#isReady(step)) this.#launch(step);
    }
    if (this.plan.steps.every((step) => this.#standing(step) !== "open")) {
      this.#ports.dagster.setRun(this.plan.id, "finished");
      this.#ports.note("the run ends");
    }
  }

  #launch(step: StepPlan): void {
    const log = this.#log(step);
    const attempt = log.filter(({ kind }) => kind === "STEP_UP_FOR_RETRY").length;
    const name = `${step.key} ${attempt}`;
    if (this.#launched.has(name)) return;
    this.#launched.add(name);
    const waits = log.at(-1)?.kind === "STEP_UP_FOR_RETRY" ? step.retryDelayMs : 0;
    this.#later(waits, () => {
      if (!this.over) this.#ports.send(this.plan, step, attempt);
    });
  }

  /** Does it unless this run worker is lost by then. */
  #later(ms: number, act: () => void): void {
    const epoch = this.#epoch;
    if (epoch === null) return;
    this.#ports.agenda.schedule(ms, () => {
      if (this.#epoch === epoch) act();
    });
  }

  #isReady(step: StepPlan): boolean {
    return step.after.every((key) => this.#standingOf(key) === "succeeded");
  }

  #standingOf(key: string): Standing {
    const step = this.plan.steps.find((other) => other.key === key);
    if (step === undefined) throw new Error(`no step ${key} in ${this.plan.id}`);
    return this.#standing(step);
  }

  #standing(step: StepPlan): Standing {
    const log = this.#log(step);
    if (log.some(({ kind }) => kind === "STEP_SUCCESS")) return "succeeded";
    if (log.some(({ kind }) => kind === "STEP_FAILURE")) return "failed";
    const before = step.after.map((key) => this.#standingOf(key));
    return before.some((standing) => standing === "failed" || standing === "skipped") ? "skipped" : "open";
  }

  #log(step: StepPlan): readonly LogEntry[] {
    return this.#ports.dagster.log({ runId: this.plan.id, stepKey: step.key });
  }
}

type Standing = "open" | "succeeded" | "failed" | "skipped";
