// A step's identity, and what is recorded of its end. Pure.

/** Names one attempt of one step of one run; nothing else identifies work. */
export interface StepId {
  readonly runId: string;
  readonly stepKey: string;
  /** Dagster's attempt, 0 first. */
  readonly attempt: number;
}

/** Returns the identity alone, of an envelope or another record that has it among other fields. */
export function stepIdOf({ runId, stepKey, attempt }: StepId): StepId {
  return { runId, stepKey, attempt };
}

/**
 * The longest names in UTF-8 bytes. Dagster's own column holds run ids of 255 characters. An index
 * row of Postgres holds 2,704 bytes (https://www.postgresql.org/docs/current/btree.html), and the
 * ledger's widest one is the run id beside the whole key.
 */
export const RUN_ID_BYTES = 255;
export const STEP_KEY_BYTES = 2_000;

/**
 * The ledger's key. Attempt 0 has no suffix, so that a producer of the original contract
 * (`run_id:step_key`) is deduplicated too. `core/step/envelope.ts` refuses names with a colon, so
 * no two attempts share a key.
 */
export function idempotencyKey(step: StepId): string {
  const base = `${step.runId}:${step.stepKey}`;
  return step.attempt === 0 ? base : `${base}:${step.attempt}`;
}

/** What each log line about an attempt carries. */
export function stepFields(step: StepId): StepId & { readonly key: string } {
  return { key: idempotencyKey(step), ...stepIdOf(step) };
}

export interface ErrorInfo {
  /** Bare class name. */
  readonly class: string;
  readonly message: string;
  readonly traceback: string;
}

export type ExecutionState =
  | "success"
  | "failure"
  | "up_for_retry"
  | "resource_init_failure"
  | "run_over"
  /** The machinery gave up and said so in Dagster's event log. */
  | "reported"
  /** The machinery gave up and left the step open for an operator. */
  | "parked"
  /** Never became a step: the body cannot be read. */
  | "malformed";

/** How an attempt ended; kept in the ledger as it is (snake_case is its wire and column form). */
export interface ExecutionResult {
  readonly state: ExecutionState;
  readonly output: { readonly outputs: readonly string[]; readonly assets: readonly string[] } | null;
  readonly error: ErrorInfo | null;
  /** Unix seconds. */
  readonly started_at: number;
  /** Unix seconds. */
  readonly completed_at: number;
  readonly execution_time_seconds: number;
}

/** The ledger state an attempt's end maps to: `dead` is what went to the dead letter queue. */
export function settledState(result: ExecutionResult): "completed" | "failed" | "dead" {
  switch (result.state) {
    case "success":
    case "run_over":
      return "completed";
    case "failure":
    case "up_for_retry":
    case "resource_init_failure":
      return "failed";
    case "reported":
    case "parked":
    case "malformed":
      return "dead";
  }
}
