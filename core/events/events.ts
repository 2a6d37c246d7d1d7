// Every log event that taskiq writes: the types of `core/observe.ts`, and the tables of
// docs/events.md. Pure.
import { deliveryEvents } from "./delivery-events.ts";
import type { EventEntry, Kind, ValueOf } from "./entry.ts";
import { hostEvents } from "./host-events.ts";
import { queueEvents } from "./queue-events.ts";
import { stepEvents } from "./step-events.ts";
import { workerEvents } from "./worker-events.ts";

const table = { ...stepEvents, ...deliveryEvents, ...queueEvents, ...hostEvents, ...workerEvents };

type Table = typeof table;

export type EventName = keyof Table;

export type LevelOf<E extends EventName> = Table[E]["levels"][number];

/** What an event carries beside its name, level and message. */
export type FieldsOf<E extends EventName> = Fields<Table[E]["fields"]>;

type Fields<Kinds extends Readonly<Record<string, Kind>>> = {
  readonly [N in keyof Kinds as N extends `${string}?` ? never : N]: ValueOf<Kinds[N]>;
} & { readonly [N in keyof Kinds as N extends `${infer Name}?` ? Name : never]?: ValueOf<Kinds[N]> };

/** The groups of docs/events.md, by their headings. */
export const eventGroups = {
  Steps: stepEvents,
  "Deliveries, leases and the ledger": deliveryEvents,
  "Queues and the sweep": queueEvents,
  "The step host": hostEvents,
  "The worker": workerEvents,
};

/** Every event by its name. */
export const events: ReadonlyMap<string, EventEntry> = new Map(Object.entries(table));
