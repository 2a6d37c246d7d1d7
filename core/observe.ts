// How the core reports what happens: one flat record per transition, rendered elsewhere, unable to
// affect control flow.
import type { Level } from "./events/entry.ts";
import type { EventName, FieldsOf, LevelOf } from "./events/events.ts";

export type { Level } from "./events/entry.ts";

/** An observation of any event, for those that render, collect or pass on. */
export interface LogRecord {
  /** Stable dotted name, for example `step.settled`; alarms and tests match on it. */
  readonly event: string;
  readonly level: Level;
  /** The same in words for an operator, without the fields. */
  readonly message: string;
  readonly [field: string]: string | number | boolean | null | undefined;
}

type ObservationOf<E extends EventName> = {
  readonly event: E;
  readonly level: LevelOf<E>;
  readonly message: string;
  /** The queue of the event, if the worker has several. */
  readonly queue?: string;
} & FieldsOf<E>;

/** One of the events of `core/events`, with the levels and the fields that its table names. */
export type Observation<E extends EventName = EventName> = { readonly [N in E]: ObservationOf<N> }[E];

type RepeatedName = { [E in EventName]: "debug" extends LevelOf<E> ? E : never }[EventName];

/** An observation that may be repeated at debug level while an outage lasts. */
export type RepeatedObservation = Observation<RepeatedName>;

/** Must not throw and must not block. */
export type Observe = (observation: Observation) => void;
