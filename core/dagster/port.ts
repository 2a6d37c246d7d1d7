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
   * The latest re-execution that was created and not launched. `null` means none. It is about to be
   * launched, or never will be, because its creator died in between. Dagster does not distinguish
   * the two, except that its run monitoring, where switched on, fails the second after a while.
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
 * The port. Methods reject with a `Fault` of one of these codes.
 *
 * - `TQ_DAGSTER_UNREACHABLE`: no connection was made.
 * - `TQ_DAGSTER_DENIED`: the credentials are not good.
 * - `TQ_CONFIG`: the answering program is not Dagster's API.
 * - `TQ_DAGSTER`: an answer did not come, or says that the server failed.
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
