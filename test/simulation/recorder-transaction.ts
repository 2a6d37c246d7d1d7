// What a simulated recorder has of its steps, and what its transaction does when the database
// commits it.
import type { Hold } from "../../core/ledger/port.ts";
import type { Outcome } from "../../core/runner/frames.ts";
import type { ExecutionResult } from "../../core/step/step.ts";
import type { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { type Dagster, type EventKind, readAttempt, resultAt, stateOf, type TerminalKind } from "./dagster.ts";
import type { RecorderLifePorts } from "./recorder-life.ts";
import type { Referee } from "./referee.ts";
import type { HostRules, StepProcess } from "./step-process.ts";

export interface RecorderPorts extends RecorderLifePorts {
  readonly dagster: Dagster;
  readonly referee: Referee;
  readonly rules: HostRules;
  readonly ledger: MemoryLedger;
}

/** One step that it writes for. */
export interface RecordedStep {
  readonly process: StepProcess;
  /** Events that wait to be written, in order. */
  waiting: EventKind[];
  end: TerminalEnd | null;
  /** Of the permit for its terminal event. `null` means that it has none. */
  deadlineMs: number | null;
  /** It is over and no longer bound by its lease. */
  ended: boolean;
  /** Its process is gone, and waits for the answer that nothing more is written. */
  done: (() => void) | null;
}

export interface TerminalEnd {
  readonly kind: TerminalKind;
  readonly outcome: Outcome;
  /** Continues the process, whose terminal event stands. */
  readonly stands: () => void;
}

export type RecordedOutcome = Extract<Outcome, { readonly settled?: boolean | undefined }>;

/** What of one step goes into a transaction. */
export interface Part {
  readonly step: RecordedStep;
  readonly plain: readonly EventKind[];
  readonly end: TerminalEnd | null;
}

/** When a claim is settled that its transaction leaves out. */
const LATER_MS = 500;

/**
 * The database commits the part of one step. Returns whether that is written, because a claim that
 * is over rolls it back. `isAlive` means that its recorder lives.
 */
export function storePart({ step: { process }, plain, end }: Part, ports: RecorderPorts, isAlive: boolean): boolean {
  const { referee, rules } = ports;
  const { claim } = process;
  const result = end === null ? null : resultWith(end, process, ports);
  const holds = result === null || claim === null || settle(claim, result, ports);
  if (!holds && rules.transactsEvent) return false;
  for (const kind of plain) {
    referee.stores(process.step, process.name, kind);
    if (isAlive) referee.storesPlain(process.step, process.name, kind);
    process.record(kind);
  }
  if (end === null || result === null) return holds;
  referee.stores(process.step, process.name, end.kind);
  referee.writing(process.step, end.kind, process.name);
  process.record(end.kind);
  if (claim !== null && holds && rules.transactsSettlement) referee.settled(claim, result);
  return holds;
}

/** What a reader of the log makes of the attempt once this end stands in it. */
function resultWith(
  { kind, outcome }: TerminalEnd,
  { step }: StepProcess,
  { dagster, clock }: RecorderPorts,
): ExecutionResult {
  const { entries } = readAttempt(dagster.log(step), step.attempt);
  const nowMs = clock.wallMs();
  const start = entries.find((entry) => entry.kind === "STEP_START");
  return resultAt(outcome.kind === "reported" ? "reported" : stateOf({ kind }), start?.atMs ?? nowMs, nowMs);
}

function settle(claim: Hold, result: ExecutionResult, { clock, ledger, rules }: RecorderPorts): boolean {
  if (rules.transactsSettlement) return ledger.settleUnpermitted(claim, result) || !rules.locksFence;
  clock.schedule(LATER_MS, () => ledger.settleUnpermitted(claim, result));
  return true;
}
