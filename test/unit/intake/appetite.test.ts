// How much is fetched: what can start, and a little more only where steps are very short.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { appetite, type Load, PaceMeter } from "../../../core/intake/appetite.ts";

const idle: Load = {
  free: 4,
  waiting: 0,
  asked: 0,
  polls: 0,
  backlog: false,
  pace: { perSecond: 0, takenMs: Number.POSITIVE_INFINITY },
};
const brisk = { perSecond: 80, takenMs: 50 };

const rows: readonly (readonly [string, Partial<Load>, number])[] = [
  ["as many as there are free slots", {}, 4],
  ["ten at most", { free: 25 }, 10],
  ["nothing while every slot is taken", { free: 0 }, 0],
  ["nothing more while a receive is under way and there is no backlog", { free: 4, polls: 1 }, 0],
  ["another receive in parallel where the last one brought all it might", { free: 22, polls: 1, backlog: true }, 10],
  ["not what a receive under way may bring already", { free: 4, asked: 3, polls: 1, backlog: true }, 1],
  ["not what waits for a slot already", { free: 4, waiting: 4 }, 0],
  ["a few receives at once, not any number", { free: 200, polls: 8, backlog: true }, 0],
  ["ahead of short steps", { free: 0, pace: brisk }, 10],
  ["ahead, but not a request for each message", { free: 0, waiting: 31, pace: brisk }, 0],
  ["ahead, again once it is worth a request", { free: 0, waiting: 30, pace: brisk }, 10],
  [
    "ahead of a few short steps, before they have run out",
    { free: 0, waiting: 2, pace: { perSecond: 16, takenMs: 250 } },
    6,
  ],
  ["at once for a slot that is idle", { free: 1, waiting: 0, pace: { perSecond: 5, takenMs: 200 } }, 3],
  ["nothing ahead of long steps, however many end together", { free: 0, pace: { perSecond: 16, takenMs: 60_000 } }, 0],
  ["nothing ahead of steps of a second in one slot", { free: 0, pace: { perSecond: 1, takenMs: 1_000 } }, 0],
];

describe("the next receive may bring", () => {
  for (const [title, changes, expected] of rows) {
    test(`the next receive may bring ${title}`, () => assert.equal(appetite({ ...idle, ...changes }), expected));
  }

  test("the next receive never brings more than can start now or after half a second of short steps", () => {
    const natural = fc.nat(50);
    const pace = fc.record({ perSecond: fc.nat(1_000), takenMs: fc.nat(5_000) });
    const load = fc.record({
      free: natural,
      waiting: natural,
      asked: natural,
      polls: fc.nat(9),
      backlog: fc.boolean(),
      pace,
    });
    fc.assert(
      fc.property(load, (given) => {
        const max = appetite(given);
        const ahead = given.pace.takenMs <= 1_000 ? Math.min(50, given.pace.perSecond / 2) : 0;
        assert.ok(max >= 0 && max <= 10 && Number.isInteger(max));
        assert.ok(max === 0 || max + given.waiting + given.asked <= given.free + ahead);
      }),
    );
  });
});

test("the pace of steps is that of the last two seconds", () => {
  const meter = new PaceMeter();
  assert.deepEqual(meter.at(0), idle.pace);
  for (let i = 0; i < 40; i += 1) meter.ended(i * 25, 100);
  assert.deepEqual(meter.at(1_000), { perSecond: 20, takenMs: 100 });
  assert.deepEqual(meter.at(2_500), { perSecond: 9.5, takenMs: 100 });
  assert.deepEqual(meter.at(10_000), idle.pace);
  for (let i = 0; i < 640; i += 1) meter.ended(10_000 + i, 5);
  assert.equal(Math.round(meter.at(10_639).perSecond / 100), 10);
});
