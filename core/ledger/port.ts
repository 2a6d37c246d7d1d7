// The idempotency ledger: who may run an attempt, and how it ended. Every write is conditional on the fence a claim got.
import type { ExecutionResult, StepId } from "../step.ts";
import type { OperatorRecords } from "./replays.ts";

export interface ClaimRequest {
  readonly key: string;
  readonly step: StepId;
  /** The worker's identity, for operators. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly messageId: string;
  /** Digest of what the message asks for; see `core/digest.ts`. */
  readonly payloadDigest: string;
  /** Unix milliseconds of this receive. */
  readonly receivedAtMs: number;
}

/** What every conditional write names: the row, and the number its claim got. */
export interface Hold {
  readonly key: string;
  readonly fence: number;
}

export type Claim =
  | {
      readonly kind: "granted";
      readonly fence: number;
      /** How often the step was started, this time included; an interruption gave its start back. */
      readonly starts: number;
      /** The worker whose lease ended before this claim; null for a fresh row or one that was abandoned. */
      readonly takenOverFrom: string | null;
      /** The digest the row was first claimed with. */
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
 * The port. Methods reject with a `Fault` (`TQ_LEDGER`) when the store cannot be reached; every other answer is a value.
 * One contract suite (`test/contract/ledger.ts`) says what each adapter must do.
 */
export interface Ledger extends OperatorRecords {
  /**
   * Takes the row for `leaseMs`, counting a start, unless it is settled or another lease still runs. A row whose lease ended is
   * taken over with a higher fence; a `permitted` one only after its lease's end plus the write bound, within which its owner's
   * terminal event may still be committing.
   */
  claim(request: ClaimRequest): Promise<Claim>;
  /** Prolongs many leases in one statement; answers, in order, whether each is still held by that fence. */
  renew(holds: readonly Hold[], leaseMs: number): Promise<readonly boolean[]>;
  /** Leave to write the terminal event: row → `permitted`, lease renewed in full. Once per fence: a second ask is refused. */
  permit(hold: Hold, leaseMs: number): Promise<"granted" | "refused">;
  /** Records how the attempt ended and ends the lease. Recording the same end again under the same fence is `recorded`. */
  settle(hold: Hold, outcome: ExecutionResult): Promise<"recorded" | "stale">;
  /** Ends the lease without an outcome: row → `pending`. `giveStartBack` uncounts the start (interrupted, not failed). */
  abandon(hold: Hold, options: { readonly giveStartBack: boolean }): Promise<"abandoned" | "stale">;
  find(key: string): Promise<LedgerRow | null>;
  list(filter: RowFilter): Promise<readonly LedgerRow[]>;
  /**
   * Takes a named lock for `leaseMs`, or renews it for its owner; false while another owner's still runs. No time at all gives it up.
   * It only spares work that one worker is enough for: nothing that must not happen twice may rest on it, since it has no fence.
   */
  lock(name: string, owner: string, leaseMs: number): Promise<boolean>;
  /** Deletes at most `limit` rows settled before `settledBeforeMs`; answers how many. */
  prune(settledBeforeMs: number, limit: number): Promise<number>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
