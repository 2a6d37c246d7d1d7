// Collects what the core tells, and refuses what no log could show.
import assert from "node:assert/strict";
import type { Observation } from "../../core/observe.ts";

export class Observations {
  readonly all: Observation[] = [];

  readonly observe = (observation: Observation): void => {
    requireWellFormed(observation);
    this.all.push(observation);
  };

  of(event: string): readonly Observation[] {
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

function requireWellFormed(observation: Observation): void {
  const { event, level, message, ...fields } = observation;
  assert.match(event, /^[a-z_]+\.[a-z_]+$/);
  assert.ok(["debug", "info", "warn", "error"].includes(level), `${event}: unknown level ${level}`);
  assert.equal(typeof message, "string");
  for (const [name, value] of Object.entries(fields)) {
    const flat = value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
    assert.ok(flat && !Number.isNaN(value), `${event}.${name}: expected a plain value, got ${String(value)}`);
    assert.notEqual(value, "[object Object]");
  }
}
