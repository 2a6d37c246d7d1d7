// Two workers, one message, one row, one event log: what distinguishes two situations of them, and
// what one effect changes. Time is only "the lease goes on" and "the lease has ended", the write
// bound included.
import type { Reason } from "../../../core/delivery/reasons.ts";
import type { Effect, Event, State } from "../../../core/delivery/states.ts";
import type { Hold } from "../../../core/ledger/port.ts";
import { type ExecutionResult, type ExecutionState, idempotencyKey, stepIdOf } from "../../../core/step/step.ts";
import { envelope } from "../../support/sqs/messages.ts";

export type Advance = (state: State, event: Event) => readonly [State, Effect];

/** The rules that can be broken, to show that each is needed. */
export interface Physics {
  /** How often the step may be started. */
  readonly budget: number;
  readonly readsLog: boolean;
  readonly asksPermit: boolean;
  readonly keepsDeadline: boolean;
  readonly fences: boolean;
  readonly requiresOpen: boolean;
  /** Absent: a permit is asked for. */
  readonly transaction?: Transaction;
}

/**
 * The ledger lives in Dagster's database, and one transaction writes the terminal event of a step
 * or a report, and settles its row. Its rules, to be broken.
 */
export interface Transaction {
  /** The claim must hold when it commits. Otherwise it was enough that it held at the beginning. */
  readonly locksFence: boolean;
  readonly holdsEvent: boolean;
  readonly holdsSettlement: boolean;
}

export type Stage = "none" | "looking" | "running" | "asking" | "permitted" | "transacting" | "written" | "reported";

export interface WorkerState {
  /** Null: idle. */
  life: { state: State; effect: Effect } | null;
  /** Holds the latest fence. */
  owns: boolean;
  /** Holds the latest receipt. */
  receipt: boolean;
  /** Its step process, or that of the report. */
  stage: Stage;
  /** Its claim's permit is spent. */
  spent: boolean;
  /** A write that a dead process left on its way into the database. */
  ghost: boolean;
  /**
   * A COMMIT that a dead recorder left on its way: of the latest claim, or of one before it.
   */
  commit: "none" | "current" | "stale";
  /** What its transaction makes of the row: of a step that ended, or of a report. */
  commits: "settled" | "dead";
}

export interface Situation {
  /** The run worker has sent this attempt. A hostile message may come before that. */
  sent: boolean;
  place: "queue" | "gone";
  visible: boolean;
  copies: number;
  /** It was buried for an attempt that no run worker had sent. */
  refused: boolean;
  row: "none" | "pending" | "running" | "permitted" | "settled" | "dead";
  leased: boolean;
  starts: number;
  events: number;
  workers: [WorkerState, WorkerState];
}

export function beginning(sent: boolean): Situation {
  const idle = (): WorkerState => ({
    life: null,
    owns: false,
    receipt: false,
    stage: "none",
    spent: false,
    ghost: false,
    commit: "none",
    commits: "settled",
  });
  return {
    sent,
    place: "queue",
    visible: true,
    copies: 0,
    refused: false,
    row: "none",
    leased: false,
    starts: 0,
    events: 0,
    workers: [idle(), idle()],
  };
}

/** The attempt is always the same one: nothing of it decides what happens. */
const ENVELOPE = envelope("s");
const STEP = stepIdOf(ENVELOPE);
const HOLD: Hold = { key: idempotencyKey(STEP), fence: 1 };

export function receive(next: Situation, own: WorkerState, advance: Advance): void {
  next.visible = false;
  for (const other of next.workers) other.receipt = false;
  own.receipt = true;
  const [state, effect] = advance({ at: "received" }, { is: "decoded", step: STEP, envelope: ENVELOPE });
  own.life = { state, effect };
}

export function move(own: WorkerState, event: Event, advance: Advance): void {
  if (own.life === null) return;
  const [state, effect] = advance(own.life.state, event);
  own.life = state.at === "done" ? null : { state, effect };
  if (own.life === null) Object.assign(own, { owns: false, receipt: false, spent: false });
}

export function claimAnswer(from: Situation, { budget }: Physics): Event {
  if (from.row === "settled" || from.row === "dead") {
    return { is: "settled", outcome: outcomeOf("success"), dead: from.row === "dead" };
  }
  if (from.leased) return { is: "held", leftMs: 1 };
  return { is: "granted", hold: HOLD, starts: Math.min(budget + 1, from.starts + 1), budget, sameBody: true };
}

export function claim(next: Situation, own: WorkerState, { budget, transaction }: Physics): void {
  if (next.leased || next.row === "settled" || next.row === "dead") return;
  for (const other of next.workers) {
    other.owns = false;
    // Under the rules it changes nothing any more.
    if (other.commit === "current") other.commit = areKept(transaction) ? "none" : "stale";
  }
  const starts = Math.min(budget + 1, next.starts + 1);
  Object.assign(next, { row: "running", leased: true, starts });
  Object.assign(own, { owns: true, spent: false });
}

export function settle(next: Situation, outcome: ExecutionResult): void {
  Object.assign(next, { row: outcome.state === "reported" ? "dead" : "settled", leased: false });
}

/** A permitted row stays held for as long as a write may take. */
export function abandon(next: Situation, giveStartBack: boolean): void {
  const starts = giveStartBack ? Math.max(0, next.starts - 1) : next.starts;
  Object.assign(next, { leased: next.row === "permitted", row: "pending", starts });
}

export function endLease(next: Situation, { keepsDeadline }: Physics): void {
  next.leased = false;
  if (!keepsDeadline) return;
  // A permitted worker has written by now, or never will.
  for (const own of next.workers) {
    own.ghost = false;
    if (own.stage !== "permitted") continue;
    own.stage = "asking";
  }
}

export function bury(next: Situation, reason: Reason): void {
  next.refused ||= reason === "not_open";
  next.copies = Math.min(2, next.copies + 1);
}

export function ack(next: Situation, own: WorkerState): void {
  if (own.receipt) next.place = "gone";
}

export function commit(next: Situation, own: WorkerState): void {
  next.events = Math.min(2, next.events + 1);
  own.ghost = false;
}

export function commitOwn(next: Situation, own: WorkerState): void {
  next.events = Math.min(2, next.events + 1);
  own.stage = "written";
}

export function dieProcess(_next: Situation, own: WorkerState): void {
  if (own.stage === "permitted") own.ghost = true;
  if (own.stage === "transacting") own.commit = own.owns ? "current" : "stale";
  own.stage = "none";
}

function areKept(rules: Transaction | undefined): boolean {
  return rules === undefined || Object.values(rules).every(Boolean);
}

/**
 * The transaction of a step or a report commits, and answers whether it wrote. `isCurrent`: its
 * fence is the row's.
 */
export function transact(
  next: Situation,
  isCurrent: boolean,
  row: WorkerState["commits"],
  rules: Transaction,
): boolean {
  const holds = isCurrent && next.row === "running";
  const writes = holds || !rules.locksFence;
  if (writes || !rules.holdsEvent) next.events = Math.min(2, next.events + 1);
  if (writes && rules.holdsSettlement) Object.assign(next, { row, leased: false });
  return writes;
}

export function endProcess(own: WorkerState): void {
  own.stage = "none";
}

export function outcomeEvent(state: ExecutionState): Event {
  return { is: "ended", outcome: outcomeOf(state) };
}

export function outcomeOf(state: ExecutionState): ExecutionResult {
  return { state, output: null, error: null, started_at: 0, completed_at: 0, execution_time_seconds: 0 };
}

export function copyOf(from: Situation): Situation {
  const [a, b] = from.workers;
  return { ...from, workers: [{ ...a }, { ...b }] };
}
