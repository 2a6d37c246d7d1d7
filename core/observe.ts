// How the core tells what happens: one flat record per transition, rendered elsewhere, unable to affect control flow.

export type Level = "debug" | "info" | "warn" | "error";

export interface Observation {
  /** Stable dotted name, for example `step.settled`; alarms and tests match on it. */
  readonly event: string;
  readonly level: Level;
  /** The same said to a person, without the fields. */
  readonly message: string;
  /** Idempotency key of the step, when it is about one. */
  readonly key?: string;
  readonly messageId?: string;
  readonly [field: string]: string | number | boolean | null | undefined;
}

/** Must not throw and must not block. */
export type Observe = (observation: Observation) => void;
