// A queue is called empty after a spell in which nothing spoke against it, however polls and counts
// come.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isProven, LEAST_POLLS, type Seen, type Spell, see } from "../../../core/drain/emptiness.ts";

const settleMs = 60_000;
const zero = { visible: 0, inFlight: 0, delayed: 0 };
const counted = (atMs: number, counts: Partial<typeof zero> = {}): Seen => ({
  is: "counted",
  atMs,
  ...zero,
  ...counts,
});
const polled = (beganMs: number, received = 0): Seen => ({ is: "polled", beganMs, received });
const unknown: Seen = { is: "unknown" };

const after = (...seen: readonly Seen[]): Spell => seen.reduce<Spell>(see, null);
const proven = (...seen: readonly Seen[]): boolean => isProven(after(...seen), settleMs);

const enough = [counted(0), polled(1), polled(20_001), polled(40_001), counted(60_000)];

describe("a queue is", () => {
  const rows: readonly [string, readonly Seen[], boolean][] = [
    ["empty after three empty polls and a minute of zeros", enough, true],
    ["not known before the minute is over", [...enough.slice(0, -1), counted(59_999)], false],
    ["not known with fewer polls", [counted(0), polled(1), polled(20_001), counted(60_000)], false],
    [
      "not known by a poll that began before",
      [counted(10), polled(9), polled(20_001), polled(40_001), counted(60_010)],
      false,
    ],
    ["not known by polls alone", [polled(0), polled(20_000), polled(40_000), polled(60_000)], false],
    ["not known by counts alone", [counted(0), counted(60_000), counted(120_000)], false],
    ["not empty once a poll found something", [...enough, polled(60_001, 1)], false],
    ["not empty with one visible", [...enough, counted(60_001, { visible: 1 })], false],
    ["not empty with one in flight", [...enough, counted(60_001, { inFlight: 1 })], false],
    ["not empty with one delayed", [...enough, counted(60_001, { delayed: 1 })], false],
    ["not known once we work ourselves, or a call failed", [...enough, unknown], false],
    ["not known again before all of it was seen again", [...enough, unknown, counted(60_001), polled(60_002)], false],
  ];
  for (const [what, seen, expected] of rows) test(`a queue is ${what}`, () => assert.equal(proven(...seen), expected));
});

/** A history in the order of time: for each moment what was seen then. */
const history = fc
  .array(
    fc.record({
      afterMs: fc.integer({ min: 1, max: 30_000 }),
      what: fc.oneof(
        { weight: 12, arbitrary: fc.constant("poll" as const) },
        { weight: 12, arbitrary: fc.constant("count" as const) },
        { weight: 1, arbitrary: fc.constantFrom("message", "visible", "inFlight", "delayed", "unknown") },
      ),
      tookMs: fc.integer({ min: 0, max: 20_000 }),
    }),
    { maxLength: 40 },
  )
  .map((steps) => {
    let nowMs = 0;
    return steps.map(({ afterMs, what, tookMs }) => {
      nowMs += afterMs;
      const beganMs = nowMs - tookMs;
      if (what === "poll" || what === "message") return { nowMs, seen: polled(beganMs, what === "poll" ? 0 : 1) };
      if (what === "count") return { nowMs, seen: counted(nowMs) };
      return { nowMs, seen: what === "unknown" ? unknown : counted(nowMs, { [what]: 1 }) };
    });
  });

test("the emptiness seen step by step is that of the whole history", () => {
  let [yes, no] = [0, 0];
  fc.assert(
    fc.property(history, (steps) => {
      const isProof = isProven(after(...steps.map(({ seen }) => seen)), settleMs);
      const against = steps.findLastIndex(
        ({ seen }) => !isZero(seen) && !(seen.is === "polled" && seen.received === 0),
      );
      const since = steps.slice(against + 1);
      const first = since.findIndex(({ seen }) => isZero(seen));
      const spell = first < 0 ? [] : since.slice(first);
      const counts = spell.filter(({ seen }) => isZero(seen));
      const beganMs = counts[0]?.nowMs ?? 0;
      const polls = spell.filter(({ seen }) => seen.is === "polled" && seen.beganMs >= beganMs);
      const lasted = (counts.at(-1)?.nowMs ?? 0) - beganMs;
      if (isProof) yes += 1;
      else no += 1;
      assert.equal(isProof, counts.length > 0 && polls.length >= LEAST_POLLS && lasted >= settleMs);
    }),
    { numRuns: 500 },
  );
  assert.ok(yes > 20 && no > 20, `${yes} proven, ${no} not: both have to come up`);
});

function isZero(seen: Seen): boolean {
  return seen.is === "counted" && seen.visible + seen.inFlight + seen.delayed === 0;
}
