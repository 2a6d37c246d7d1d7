// Collects what the core reports. Refuses what no log could show, and what the tables of
// core/events do not have.
import assert from "node:assert/strict";
import { events } from "../../core/events/events.ts";
import type { LogRecord } from "../../core/observe.ts";

export class Observations {
  readonly all: LogRecord[] = [];

  readonly observe = (observation: LogRecord): void => {
    requireWellFormed(observation);
    this.all.push(observation);
  };

  of(event: string): readonly LogRecord[] {
    return this.all.filter((observation) => observation.event === event);
  }

  /** The messages that a log of level info shows of one event, in order. */
  shown(event: string): readonly string[] {
    return this.of(event).flatMap(({ level, message }) => (level === "debug" ? [] : [message]));
  }

  /** The messages of one event, in order. */
  messages(event: string): readonly string[] {
    return this.of(event).map(({ message }) => message);
  }
}

function requireWellFormed({ event, level, message, ...fields }: LogRecord): void {
  const entry = events.get(event);
  assert.ok(entry !== undefined, `core/events has no ${event}`);
  assert.ok(entry.levels.includes(level), `${event}: expected level ${entry.levels.join(" or ")}, got ${level}`);
  assert.equal(typeof message, "string");
  const kinds: Readonly<Record<string, string>> = { "queue?": "string", ...entry.fields };
  for (const [name, value] of Object.entries(fields)) {
    const kind = kinds[name] ?? kinds[`${name}?`];
    assert.ok(kind !== undefined, `core/events has no ${event}.${name}`);
    const fits = kind.split(" or ").includes(value === null ? "null" : typeof value) && !Number.isNaN(value);
    assert.ok(fits, `${event}.${name}: expected ${kind}, got ${String(value)}`);
    assert.notEqual(value, "[object Object]");
  }
  const missing = Object.keys(entry.fields).filter((name) => !name.endsWith("?") && !(name in fields));
  assert.deepEqual(missing, [], `${event}: fields are missing`);
}
