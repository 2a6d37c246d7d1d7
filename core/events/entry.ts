// What the tables of this room hold: each log event with its levels, its fields, and its words for
// docs/events.md. Pure.

export type Level = "debug" | "info" | "warn" | "error";

interface Kinds {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

/** The type of a field, as docs/events.md names it. */
export type Kind = keyof Kinds | `${keyof Kinds} or null`;

export type ValueOf<K extends Kind> = K extends keyof Kinds
  ? Kinds[K]
  : K extends `${infer Plain extends keyof Kinds} or null`
    ? Kinds[Plain] | null
    : never;

export interface EventEntry {
  /** The usual one first. */
  readonly levels: readonly [Level, ...Level[]];
  /** By name in the code. A name that ends in `?` may be absent. */
  readonly fields: Readonly<Record<string, Kind>>;
  /** What has happened, and what taskiq does next. */
  readonly means: string;
  /** What an operator can do. `null` means that there is nothing to do. */
  readonly act: string | null;
}

export type EventTable = Readonly<Record<string, EventEntry>>;

/** The fields of an event about a delivery: `Delivery.about` adds them. */
export const ofDelivery = {
  "key?": "string",
  "runId?": "string",
  "stepKey?": "string",
  "attempt?": "number",
  "job?": "string",
  messageId: "string",
  "receiveCount?": "number",
  "group?": "string",
} as const;

/**
 * Levels of an event that is repeated while an outage lasts: only the first one of each cause is a
 * warning.
 */
export const outage = ["warn", "debug"] as const;
