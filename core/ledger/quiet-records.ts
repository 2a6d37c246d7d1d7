// Quiet through the ledger: operators ask workers to take no new steps, and quiet workers say how
// far they are.

/**
 * Which workers, and for which of their queues. `null` means all of them.
 * `core/admission/quiet-requests.ts` says which names match.
 */
export interface QuietTarget {
  readonly worker: string | null;
  /** The queue's name, without the rest of its URL. */
  readonly queue: string | null;
}

export interface QuietAsk extends QuietTarget {
  readonly who: string;
  readonly why: string | null;
  /** `null` means until it is lifted. */
  readonly forMs: number | null;
}

/** Times are Unix milliseconds. */
export interface QuietRequest extends QuietTarget {
  readonly who: string;
  readonly why: string | null;
  readonly askedAtMs: number;
  readonly untilMs: number | null;
  /** `null` while the request is in force. */
  readonly lifted: { readonly by: string; readonly atMs: number } | null;
}

/** A queue that a worker takes no steps from, because it was asked not to. */
export interface QuietQueue {
  readonly queue: string;
  /** Steps of that queue that still run. */
  readonly busy: number;
  /** Nothing of that queue is under way or being received. */
  readonly idle: boolean;
}

export interface QuietReport extends QuietQueue {
  readonly worker: string;
  /** How long ago the worker said so. */
  readonly agoMs: number;
}

/** Part of the ledger's port. */
export interface QuietRecords {
  /** Writes the request down. It replaces an earlier one for the same target. */
  ask(ask: QuietAsk): Promise<QuietRequest>;
  /** Ends the request for exactly this target. `false` means that none was in force. */
  lift(target: QuietTarget, who: string): Promise<boolean>;
  /**
   * Returns the requests in force, oldest first, and after them those that were lifted within the
   * last ten minutes.
   */
  requests(): Promise<readonly QuietRequest[]>;
  /**
   * Replaces the worker's earlier report. No queue at all means that the worker is not quiet any
   * more.
   */
  report(worker: string, queues: readonly QuietQueue[]): Promise<void>;
  /** Returns what workers reported within the last minute, in the order of their names. */
  reports(): Promise<readonly QuietReport[]>;
}
