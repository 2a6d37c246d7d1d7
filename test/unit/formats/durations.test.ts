// Durations as people write them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatDuration, inLargestUnit, inSeconds, parseDuration, span } from "../../../core/formats/durations.ts";

describe("reading a duration", () => {
  const rows: readonly [string, number | null][] = [
    ["0", 0],
    ["90", 90_000],
    ["1.5", 1_500],
    ["007", 7_000],
    ["500ms", 500],
    ["60s", 60_000],
    ["5m", 300_000],
    ["1m30s", 90_000],
    ["12h", 43_200_000],
    ["1.5h", 5_400_000],
    ["", null],
    [" 5s", null],
    ["5 s", null],
    ["-5", null],
    ["5d", null],
    ["1e3", null],
    ["0x10", null],
    ["s", null],
    ["1.", null],
    ["1.2.3s", null],
    ["Infinity", null],
    ["9".repeat(20), null],
  ];
  for (const [text, ms] of rows)
    test(`the duration ${JSON.stringify(text)} is ${ms === null ? "refused" : `${ms} ms`}`, () =>
      assert.equal(parseDuration(text), ms));
});

test("a duration that is shown reads back as the same, in the largest unit that fits", () => {
  const shown = [0, 1, 999, 1_000, 90_000, 60_000, 3_600_000, 43_200_000].map(formatDuration);
  assert.deepEqual(shown, ["0s", "1ms", "999ms", "1s", "90s", "1m", "1h", "12h"]);
  fc.assert(fc.property(fc.nat(10 ** 12), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
});

describe("a duration is written", () => {
  test("a duration in a sentence is in seconds, and in milliseconds below one", () => {
    const written = [0, 0.4, 250, 1_000, 1_500, 12_340, 90_000].map(inSeconds);
    assert.deepEqual(written, ["0 s", "0 ms", "250 ms", "1 s", "1.5 s", "12.3 s", "90 s"]);
  });

  test("a duration of a queue's setting is in the largest unit that leaves no rest", () => {
    const written = [30_000, 90_000, 300_000, 7_200_000, 1_209_600_000].map(inLargestUnit);
    assert.deepEqual(written, ["30 s", "90 s", "5 min", "2 h", "14 d"]);
  });

  test("a duration in a table is in its two largest units, and in one below an hour", () => {
    const written = [-1, 40_000, 750_000, 3_600_000, 11_040_000, 273_600_000].map(span);
    assert.deepEqual(written, ["0s", "40s", "12m", "1h", "3h 4m", "3d 4h"]);
  });
});
