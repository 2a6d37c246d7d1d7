// The idempotency ledger: who may run an attempt, and how it ended. Every write is conditional on
// the fence a claim got.
import type { ExecutionResult, StepId } from "../step/step.ts";
import type { CutReceives } from "./cut-receives.ts";
import type { QuietRecords } from "./quiet-records.ts";

export interface ClaimRequest {
  readonly key: string;
  readonly step: StepId;
  /** The worker's identity, for operators. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly messageId: string;
  /** Digest of what the message asks for; see `core/delivery/digest.ts`. */
  readonly payloadDigest: string;
  /** Unix milliseconds of this receive. */
  readonly receivedAtMs: number;
}

/** What every conditional write names: the row, and the number its claim got. */
export interface Hold {
  readonly key: string;
  readonly fence: number;
}

export interface AbandonOptions {
  /** Uncounts the start, because the step was interrupted or never began. */
  readonly giveStartBack: boolean;
  /**
   * `bind` means that a process found the attempt open for the body of this claim. No other body
   * gets the row from then on. `forget` means that this is unknown, so the row keeps no body unless
   * an earlier claim bound it. Absent leaves both as they are.
   */
  readonly body?: "bind" | "forget";
}

export type Claim =
  | {
      readonly kind: "granted";
      readonly fence: number;
      /**
       * How often the step was started, this time included; an interruption gave its start back.
       */
      readonly starts: number;
      /**
       * The worker whose lease ended before this claim; null for a fresh row or one that was
       * abandoned.
       */
      readonly takenOverFrom: string | null;
      /** Of the body that the row is for; see `claimedDigest`. */
      readonly payloadDigest: string;
    }
  /** Another fence holds it for `leftMs` more (for a permitted row: the write bound included). */
  | { readonly kind: "held"; readonly owner: string; readonly leftMs: number }
  | { readonly kind: "settled"; readonly state: SettledState; readonly outcome: ExecutionResult };

export type SettledState = "completed" | "failed" | "dead";
export type RowState = "pending" | "running" | "permitted" | SettledState;

/** One row as an operator sees it. Times are Unix milliseconds. */
export interface LedgerRow {
  readonly key: string;
  readonly step: StepId;
  readonly state: RowState;
  readonly fence: number;
  /** The worker that claimed it last, also once the row is abandoned or settled. */
  readonly owner: string;
  /** For a pending row: the instant before which it must not be claimed. */
  readonly leaseExpiresAtMs: number | null;
  readonly starts: number;
  readonly outcome: ExecutionResult | null;
  readonly payloadDigest: string;
  /**
   * A process found the attempt open for that body. Only an operator's reopening changes it from
   * then on.
   */
  readonly bodyBound: boolean;
  readonly messageId: string;
  readonly receivedAtMs: number;
  readonly updatedAtMs: number;
  readonly settledAtMs: number | null;
}

export interface RowFilter {
  readonly runId?: string;
  readonly states?: readonly RowState[];
  /** Only rows after this key, in key order. */
  readonly afterKey?: string;
  readonly limit: number;
}

/**
 * The port. Methods reject with a `Fault`. `TQ_LEDGER` means that the store cannot be reached.
 * `TQ_LEDGER_ROW` means that the row cannot be read, and `TQ_LEDGER_REFUSED` that the store cannot
 * hold the values. The last two concern that row alone. Every other answer is a value. One contract
 * suite (`test/contract/ledger.ts`) says what each adapter must do.
 */
export interface Ledger extends OperatorRecords {
  /**
   * Takes the row for `leaseMs`, counting a start, unless it is settled or another lease still
   * runs. A row whose lease ended is taken over with a higher fence. A `permitted` row is taken
   * over only after its lease's end plus the write bound. Within that time its owner's terminal
   * event may still be committing.
   */
  claim(request: ClaimRequest): Promise<Claim>;
  /**
   * Prolongs many leases in one statement; answers, in order, whether each is still held by that
   * fence. A row that was settled under the fence stays its own.
   */
  renew(holds: readonly Hold[], leaseMs: number): Promise<readonly boolean[]>;
  /**
   * Grants leave to write the terminal event. The row becomes `permitted`, and its lease is renewed
   * in full. Granted once per fence, so a second call is refused.
   */
  permit(hold: Hold, leaseMs: number): Promise<"granted" | "refused">;
  /**
   * Records how the attempt ended and ends the lease. Recording the same end again under the same
   * fence is `recorded`.
   */
  settle(hold: Hold, outcome: ExecutionResult): Promise<"recorded" | "stale">;
  /** Ends the lease without an outcome: row → `pending`. */
  abandon(hold: Hold, options: AbandonOptions): Promise<"abandoned" | "stale">;
  find(key: string): Promise<LedgerRow | null>;
  list(filter: RowFilter): Promise<readonly LedgerRow[]>;
  /**
   * Takes a named lock for `leaseMs`, or renews it for its owner. Returns `false` while another
   * owner's still runs. A time of 0 releases it. The lock only spares work that one worker is
   * enough for. It has no fence, so nothing that must not happen twice may rest on it.
   */
  lock(name: string, owner: string, leaseMs: number): Promise<boolean>;
  /**
   * The ledger's own secret, the same for all who open it. The deduplication ids of buried messages
   * are made from it, so that only its readers can foresee them.
   */
  burialKey(): Promise<string>;
  /** Which workers are to take no new steps, and how far those are. */
  readonly quiet: QuietRecords;
  /** What SQS may still hand to the receives of workers that have stopped. */
  readonly cutReceives: CutReceives;
  /**
   * Deletes at most `limit` rows that are settled since before `beforeMs`, or pending since then
   * with no message received since then; answers how many. A row that a worker holds stays, however
   * old.
   */
  prune(beforeMs: number, limit: number): Promise<number>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

// What operators write: which dead letters they put back or deleted, and which attempts they
// reopened, with who did it and why.

/**
 * Planned before the first effect, sent once the queue has confirmed the copy, deleted once the
 * letter is gone.
 */
export type ReplayState = "planned" | "sent" | "deleted";

/** One for each dead letter, so that a replay that was killed is found again by its letter. */
export interface ReplayPlan {
  /** Id of the letter's message in the dead letter queue. */
  readonly letterId: string;
  /** URL of the dead letter queue. */
  readonly queueUrl: string;
  /** The attempt's idempotency key, or the letter's id where its body names none. */
  readonly subject: string;
  readonly act: "replay" | "purge";
  readonly who: string;
  readonly why: string;
}

/** Times are Unix milliseconds. */
export interface Replay extends ReplayPlan {
  /** The how many-th of its subject, 1 first. */
  readonly number: number;
  readonly state: ReplayState;
  /** Of the new message; null until it is confirmed. */
  readonly sentId: string | null;
  readonly plannedAtMs: number;
  readonly updatedAtMs: number;
}

/** As the ledger has it after it was planned. */
export interface BegunReplay extends Replay {
  /** Under which a FIFO queue takes the copy: the one of the first plan, for every try. */
  readonly deduplicationId: string;
}

export interface ReopenRequest {
  readonly key: string;
  /** The fence that the operator saw. Any other fence means that another writer was faster. */
  readonly fence: number;
  /**
   * Digest of the body that is sent now, to which the row is bound from then on. Null leaves the
   * row's.
   */
  readonly payloadDigest: string | null;
  readonly who: string;
  readonly why: string;
}

/** Of an attempt that an operator reopened. */
export interface Reopening {
  readonly key: string;
  /** The row's fence from then on. */
  readonly fence: number;
  readonly fromState: RowState;
  readonly fromStarts: number;
  readonly who: string;
  readonly why: string;
  /** Unix milliseconds. */
  readonly atMs: number;
}

/** Part of the ledger's port. */
export interface OperatorRecords {
  /**
   * Writes the plan and the copy's deduplication id, unless the letter has them: then answers
   * those.
   */
  planReplay(plan: ReplayPlan, deduplicationId: string): Promise<BegunReplay>;
  /** The letter's replay; null when there is none. */
  findReplay(letterId: string): Promise<Replay | null>;
  /** `sentId` goes with `sent`. A replay never goes back: one that is deleted stays so. */
  advanceReplay(letterId: string, to: "sent" | "deleted", sentId: string | null): Promise<void>;
  /**
   * Row → `pending` with no start counted and a higher fence, if it is settled as dead, or free to
   * be claimed. Both mean that no worker writes under its old fence any more. `changed` for
   * anything else, and for another fence.
   */
  reopen(request: ReopenRequest): Promise<"reopened" | "changed">;
  /** Of one row, oldest first. They outlive the row. */
  reopenings(key: string): Promise<readonly Reopening[]>;
}
