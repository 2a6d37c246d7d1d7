// The ring of what happened in each of the last intervals.
import assert from "node:assert/strict";
import { test } from "node:test";
import { INTERVAL_MS, INTERVALS, Series } from "../../../core/status/series.ts";

const interval = (number: number) => number * INTERVAL_MS;

test("the series counts what ended and failed in each interval, the present one last", () => {
  const series = new Series();
  series.ended(interval(1_000), false);
  series.ended(interval(1_000) + 9_999, true);
  series.ended(interval(1_002), false);
  const { ended, failed } = series.read(interval(1_002) + 5);
  assert.deepEqual(
    [ended.slice(-3), failed.slice(-3)],
    [
      [2, 0, 1],
      [1, 0, 0],
    ],
  );
  assert.equal(ended.length, INTERVALS);
});

test("the wait of an interval is the mean of its claims, and absent where no step was claimed", () => {
  const series = new Series();
  series.waited(interval(7), 100);
  series.waited(interval(7), 201);
  assert.deepEqual(series.read(interval(8)).wait_ms.slice(-3), [null, 151, null]);
});

test("an interval is forgotten after a quarter of an hour, however long nothing happened", () => {
  const series = new Series();
  series.ended(interval(10), false);
  const sum = (nowMs: number) => series.read(nowMs).ended.reduce((all, one) => all + one, 0);
  assert.equal(sum(interval(10 + INTERVALS - 1)), 1);
  assert.equal(sum(interval(10 + INTERVALS)), 0);
  // The same place of the ring.
  series.ended(interval(10 + 5 * INTERVALS), false);
  assert.equal(sum(interval(10 + 5 * INTERVALS)), 1);
});

test("the series of a clock that has just begun has only zeros before it", () => {
  const { ended, wait_ms } = new Series().read(0);
  assert.deepEqual([new Set(ended), new Set(wait_ms)], [new Set([0]), new Set([null])]);
});
