// The life of a delivery, every (state, event) pair of it; and the table that stands above the
// code.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { advance, received } from "../../../../core/delivery/lifecycle.ts";
import { type Event, happens, type State } from "../../../../core/delivery/states.ts";
import { rows } from "./rows.ts";
import { events, states } from "./samples.ts";

const eventSamples: readonly (readonly [string, Event])[] = Object.values(events).flatMap((group) =>
  Object.entries(group),
);
const stateSamples: readonly (readonly [string, State])[] = Object.values(states).flatMap((group) =>
  Object.entries(group),
);

test("every pair of state and event has at most one row", () => {
  const pairs = rows.map(([from, on]) => `${from} + ${on}`);
  assert.deepEqual(
    pairs.filter((pair, i) => pairs.indexOf(pair) !== i),
    [],
  );
});

for (const [from, state] of stateSamples) {
  describe(from, () => {
    for (const [on, event] of eventSamples) {
      const row = rows.find((candidate) => candidate[0] === from && candidate[1] === on);
      if (row === undefined) {
        test(`the state ${from} has no transition on ${on}`, () => {
          assert.throws(() => advance(state, event), new Error(`no transition from ${state.at} on ${event.is}`));
        });
      } else {
        const [, , to, effect] = row;
        test(`the state ${from} moves on ${on} to ${to.at} with ${effect.do}`, () =>
          assert.deepEqual(advance(state, event), [to, effect]));
      }
    }
  });
}

test("the pairs of state and event that can happen are those that have a row", () => {
  const known = Object.entries(happens).flatMap(([at, possible]) => possible.map((is) => `${at} + ${is}`));
  const states = new Map(stateSamples);
  const events = new Map(eventSamples);
  const rowed = new Set(rows.map(([from, on]) => `${states.get(from)?.at} + ${events.get(on)?.is}`));
  assert.deepEqual([...rowed].sort(), known.toSorted());
  const placed = new Set<string>(Object.values(happens).flat());
  assert.deepEqual(
    eventSamples.map(([, { is }]) => is).filter((is) => !placed.has(is)),
    [],
  );
});

test("a delivery starts as received", () => assert.deepEqual(received, { at: "received" }));

test("the table above the code names every state and every effect", async () => {
  const cells = (await tableAboveTheCode()).map((line) => line.split("|").map((cell) => cell.trim()));
  const from = new Set(cells.map(([, state]) => state));
  const living = Object.keys(states).filter((state) => state !== "done");
  assert.deepEqual(
    living.filter((state) => !from.has(state)),
    [],
  );
  const effects = cells.map(([, , , , effect]) => effect).join(" ");
  for (const [, , , { do: effect }] of rows) assert.match(effects, new RegExp(`\\b${effect}\\b`));
});

async function tableAboveTheCode(): Promise<readonly string[]> {
  const source = await readFile(new URL("../../../../core/delivery/lifecycle.ts", import.meta.url), "utf8");
  return source
    .split("\n")
    .filter((line) => line.startsWith("// |"))
    .map((line) => line.slice("// ".length));
}
