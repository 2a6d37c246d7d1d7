// The one error class: something in the environment is broken, or a setting is. What a step or a
// message may do is a value, never a Fault.

/** Stable names, safe to match on in logs, alarms and tests. */
export type FaultCode =
  | "TQ_CONFIG"
  | "TQ_QUEUE"
  | "TQ_QUEUE_MISSING"
  | "TQ_QUEUE_DENIED"
  | "TQ_CREDENTIALS"
  | "TQ_CREDENTIALS_REFUSED"
  | "TQ_LEDGER"
  | "TQ_LEDGER_SCHEMA"
  | "TQ_LEDGER_ROW"
  | "TQ_LEDGER_REFUSED"
  | "TQ_HOST_START"
  | "TQ_HOST_PROTOCOL"
  | "TQ_HOST_LOST"
  | "TQ_HEALTH_SERVER"
  | "TQ_DAGSTER"
  | "TQ_DAGSTER_UNREACHABLE"
  | "TQ_DAGSTER_DENIED";

export interface FaultDetails {
  /** What an operator can try, in one sentence for the log. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly hint: string | undefined;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
  }
}

/** The caller cannot go on with that row of the ledger, but the ledger itself is well. */
export function isUnreadableRow(error: unknown): error is Fault {
  return error instanceof Fault && error.code === "TQ_LEDGER_ROW";
}

/**
 * The ledger cannot hold what it was to write: what one caller asked for is at fault, and the
 * ledger itself is well.
 */
export function isRefusedRow(error: unknown): error is Fault {
  return error instanceof Fault && error.code === "TQ_LEDGER_REFUSED";
}

/** Concerns one row of the ledger, and nothing else that was asked with it. */
export function isOneRowsFault(error: unknown): error is Fault {
  return isUnreadableRow(error) || isRefusedRow(error);
}

/** One line for a log: the messages of an error and of its causes, outermost first. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${describeError(error.cause)}`;
  return `${error.message || error.name}${cause}`;
}
