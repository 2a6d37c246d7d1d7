// Dagster's storage: runs, and per step the events that decide. `readAttempt` is `find_attempt` of
// the step host (python/src/dagster_taskiq/host/record/attempt_log.py), event by event.
import type { ExecutionResult, ExecutionState, StepId } from "../../core/step/step.ts";
import { errorInfo, terminalEvents } from "../support/ports/scripted-steps.ts";

export type TerminalKind = (typeof terminalEvents)[keyof typeof terminalEvents];
export type EventKind = TerminalKind | "STEP_START" | "DYNAMIC_OUTPUT";

export interface LogEntry {
  readonly kind: EventKind;
  readonly atMs: number;
  /** The step process that wrote it, or the run worker. */
  readonly by: string;
}

export interface AttemptLog {
  readonly entries: readonly LogEntry[];
  readonly terminal: LogEntry | null;
  /** How many STEP_UP_FOR_RETRY stand before it. */
  readonly retries: number;
}

export type RunStatus = "started" | "finished" | "canceled";
export type Listener = (step: Pick<StepId, "runId" | "stepKey">, entry: LogEntry) => void;

const states = new Map<string, keyof typeof terminalEvents>(
  Object.entries(terminalEvents).map(([state, kind]) => [kind, state as keyof typeof terminalEvents]),
);

export class Dagster {
  readonly #nowMs: () => number;
  readonly #runs = new Map<string, RunStatus>();
  readonly #logs = new Map<string, LogEntry[]>();
  readonly #listeners: Listener[] = [];
  /** Its database does not answer step processes. */
  down = false;
  /**
   * How often another server has taken over its database. A transaction on its way may have taken
   * effect by then, and its answer is lost.
   */
  failovers = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  setRun(runId: string, status: RunStatus): void {
    this.#runs.set(runId, status);
  }

  runIsOver(runId: string): boolean {
    return this.#runs.get(runId) !== "started";
  }

  /** Null for a run that was never set. */
  statusOf(runId: string): RunStatus | null {
    return this.#runs.get(runId) ?? null;
  }

  write(step: Pick<StepId, "runId" | "stepKey">, kind: EventKind, by: string): void {
    const entry = { kind, atMs: this.#nowMs(), by };
    const log = this.log(step);
    log.push(entry);
    for (const listener of this.#listeners) listener(step, entry);
  }

  log({ runId, stepKey }: Pick<StepId, "runId" | "stepKey">): LogEntry[] {
    const key = `${runId}:${stepKey}`;
    const log = this.#logs.get(key) ?? [];
    this.#logs.set(key, log);
    return log;
  }

  onEvent(listener: Listener): void {
    this.#listeners.push(listener);
  }
}

export function isTerminal(kind: EventKind): kind is TerminalKind {
  return states.has(kind);
}

/** Attempt n is what follows the n-th STEP_UP_FOR_RETRY. */
export function readAttempt(log: readonly LogEntry[], attempt: number): AttemptLog {
  let entries: LogEntry[] = [];
  let retries = 0;
  for (const entry of log) {
    entries.push(entry);
    if (entry.kind === "STEP_SUCCESS" || entry.kind === "STEP_FAILURE") return { entries, terminal: entry, retries };
    if (entry.kind !== "STEP_UP_FOR_RETRY") continue;
    if (retries === attempt) return { entries, terminal: entry, retries };
    entries = [];
    retries += 1;
  }
  // A RESOURCE_INIT_FAILURE ends the attempt that it stands in, and opens no next one.
  if (retries < attempt) return { entries: [], terminal: null, retries };
  // Its follow-up is the run worker's to write: the attempt is over as it is.
  const terminal = entries.find(({ kind }) => kind === "RESOURCE_INIT_FAILURE") ?? null;
  return { entries, terminal, retries };
}

/** How a terminal event ends its attempt. */
export function stateOf({ kind }: Pick<LogEntry, "kind">): keyof typeof terminalEvents {
  const state = states.get(kind);
  if (state === undefined) throw new Error(`${kind} is no terminal event`);
  return state;
}

export function resultOf({ entries, terminal }: AttemptLog): RecordedResult {
  if (terminal === null) throw new Error("the attempt has no terminal event");
  const state = stateOf(terminal);
  const start = entries.find(({ kind }) => kind === "STEP_START") ?? terminal;
  return resultAt(state, start.atMs, terminal.atMs);
}

/** An end as a step process reports it. A body that cannot be read never gets that far. */
export interface RecordedResult extends ExecutionResult {
  readonly state: Exclude<ExecutionState, "malformed">;
  readonly output: null;
}

/** Times are Unix milliseconds. */
export function resultAt(state: RecordedResult["state"], startedAtMs: number, completedAtMs: number): RecordedResult {
  return {
    state,
    output: null,
    error: state === "success" || state === "run_over" ? null : errorInfo("ValueError", `it ended as ${state}`),
    started_at: startedAtMs / 1000,
    completed_at: completedAtMs / 1000,
    execution_time_seconds: (completedAtMs - startedAtMs) / 1000,
  };
}
