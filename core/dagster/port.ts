// Dagster's web server: what an operator asks it for. Knows no queue, no ledger and no dead
// letters.

/** A run that was launched to re-execute another. */
export interface Reexecution {
  readonly runId: string;
  readonly status: string;
}

export interface FoundRun {
  readonly status: string;
  /**
   * The latest launched run whose parent is this one. `null` means that there is none.
   */
  readonly reexecution: Reexecution | null;
  /**
   * The latest that was created and not launched; null for none. It is about to be, or never will,
   * since what created it died in between: Dagster has no word for the difference but its run
   * monitoring's, which fails it after a while, where that is switched on.
   */
  readonly unlaunched: UnlaunchedRun | null;
}

export interface UnlaunchedRun {
  readonly runId: string;
  /** Unix milliseconds of Dagster's machine. */
  readonly createdAtMs: number;
}

export type Launched =
  | { readonly kind: "launched"; readonly run: Reexecution }
  /** Dagster says no; `why` is a sentence. Nothing was launched. */
  | { readonly kind: "refused"; readonly why: string }
  /**
   * There was no answer to be had, or none that can be read: it may have been launched all the
   * same.
   */
  | { readonly kind: "in_doubt"; readonly why: string };

/**
 * The port. Methods reject with a `Fault`: `TQ_DAGSTER_UNREACHABLE` when no connection was made,
 * `TQ_DAGSTER_DENIED` when the credentials are not good, `TQ_CONFIG` when what answers is not
 * Dagster's API, `TQ_DAGSTER` when an answer did not come or says that the server failed.
 */
export interface DagsterApi {
  /** Null: Dagster knows no such run. */
  findRun(runId: string): Promise<FoundRun | null>;
  /**
   * Launches Dagster's re-execution from failure. Rejects only when nothing can have been launched.
   */
  reexecuteFromFailure(runId: string): Promise<Launched>;
  close(): Promise<void>;
}
