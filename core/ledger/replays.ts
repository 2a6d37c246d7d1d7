// What operators write into the ledger: which dead letters they put back or deleted, and which attempts they reopened, with who did it and why.
import type { RowState } from "./port.ts";

/** Planned before the first effect; sent once the queue has confirmed the copy; deleted once the letter is gone. */
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

export interface ReopenRequest {
  /** As it was seen: any other fence means that somebody was faster. */
  readonly key: string;
  readonly fence: number;
  /** Digest of the body that is sent now; null leaves the row's. */
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
  /** Writes the plan down, unless the letter has one: then answers that, as it is. */
  planReplay(plan: ReplayPlan): Promise<Replay>;
  /** The letter's replay; null when there is none. */
  findReplay(letterId: string): Promise<Replay | null>;
  /** `sentId` goes with `sent`. A replay never goes back: one that is deleted stays so. */
  advanceReplay(letterId: string, to: "sent" | "deleted", sentId: string | null): Promise<void>;
  /**
   * Row → `pending` with no start counted and a higher fence, if it is settled as dead, or free to be claimed: then nobody writes under its
   * old fence any more. `changed` for anything else, and for another fence.
   */
  reopen(request: ReopenRequest): Promise<"reopened" | "changed">;
  /** Of one row, oldest first. They outlive the row. */
  reopenings(key: string): Promise<readonly Reopening[]>;
}
