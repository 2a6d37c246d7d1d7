// The receives that stopping workers cut. SQS serves such a receive until its wait is over, so
// another worker repeats it then and gets what SQS handed to it.

export interface CutReceive {
  /** SQS answers the same id with the same messages and receipts, for five minutes. */
  readonly attemptId: string;
  readonly queueUrl: string;
  /** How many messages it may bring. */
  readonly max: number;
}

export interface LeftReceive extends CutReceive {
  /** How long SQS may go on serving it. */
  readonly leftMs: number;
}

/**
 * How long after its wait a receive can be repeated. SQS knows its id for five minutes, and it may
 * have waited for 20 s of them.
 */
export const REPEATABLE_MS = 280_000;

/** Part of the ledger's port. */
export interface CutReceives {
  /** Leaves them to the workers of their queues. To leave one again changes nothing. */
  leave(receives: readonly LeftReceive[]): Promise<void>;
  /**
   * Takes those of the queues whose wait is over. No other call gets them for `forMs`, and then one
   * does, unless they are forgotten. Forgets those that can be repeated no longer.
   */
  take(queueUrls: readonly string[], forMs: number): Promise<readonly CutReceive[]>;
  forget(attemptIds: readonly string[]): Promise<void>;
}
