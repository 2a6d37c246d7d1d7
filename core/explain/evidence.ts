// The evidence of `taskiq explain` about a run and a step, and the explanation that it makes. Pure.
import type { JoinedLetter } from "../dead-letters/verdict.ts";
import type { LedgerRow } from "../ledger/port.ts";
import type { QuietRequest } from "../ledger/quiet-records.ts";
import type { QueueDepth } from "../queue/port.ts";
import type { PoolRecord, RunRecord, StepRecord } from "./facts.ts";

export type StepKind =
  | "ended"
  | "run_over"
  | "run_not_started"
  | "other_executor"
  | "upstream_failed"
  | "waits_for_steps"
  | "dead_letter"
  | "runs"
  | "starting"
  | "recording"
  | "worker_lost"
  | "settled"
  | "waits_for_retry"
  | "pool_full"
  | "not_sent"
  | "other_queue"
  | "quiet"
  | "waits_in_queue"
  | "in_flight"
  | "message_gone";

export interface Explanation<K extends string = StepKind> {
  readonly kind: K;
  /** One paragraph for people. Its words may change. */
  readonly why: string;
  /** What to do, most useful first. Empty if there is nothing to do. */
  readonly next: readonly string[];
}

export interface QueueState {
  readonly name: string;
  /** The options that name it on a command line. */
  readonly flags: string;
  readonly fifo: boolean;
  readonly depth: QueueDepth;
  /** Requests in force that concern every worker of the queue. */
  readonly quiet: readonly QuietRequest[];
  /** How many workers hold a claim now, of any queue. */
  readonly busyWorkers: number;
}

/** What all steps of a run share. */
export interface RunEvidence {
  readonly run: RunRecord;
  readonly steps: ReadonlyMap<string, StepRecord>;
  readonly pools: readonly PoolRecord[];
  readonly queue: QueueState;
  readonly nowMs: number;
}

export interface StepEvidence extends RunEvidence {
  readonly step: StepRecord;
  /** The row of the attempt that is open or was the last. `null` means that there is none. */
  readonly row: LedgerRow | null;
  /** The dead letters of that attempt that were seen. */
  readonly letters: readonly JoinedLetter[];
}
