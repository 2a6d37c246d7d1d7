// Waits between tries: they double up to a cap, and chance spreads them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, doubled, type Jitter, jittered } from "../../core/backoff.ts";

const doubling = { baseMs: 1_000, capMs: 30_000 };

test("a wait doubles with each failure up to its cap", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((failures) => doubled(doubling, failures)),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  );
});

test("a wait is a number for any count of failures, also without a base or a cap", () => {
  assert.equal(doubled(doubling, -3), 1_000);
  assert.equal(doubled(doubling, 100_000), 30_000);
  assert.equal(doubled({ baseMs: 0, capMs: 30_000 }, 100_000), 0);
  assert.ok(Number.isFinite(doubled({ baseMs: 1, capMs: Number.POSITIVE_INFINITY }, 100_000)));
});

const spreads: readonly (readonly [Jitter, readonly number[]])[] = [
  ["full", [0, 500, 1_000]],
  ["half", [500, 750, 1_000]],
  ["around", [500, 1_000, 1_500]],
];

for (const [jitter, expected] of spreads) {
  test(`jitter "${jitter}" spreads 1 s over ${expected[0]} to ${expected[2]} ms`, () => {
    assert.deepEqual(
      [0, 0.5, 1].map((chance) => jittered(1_000, jitter, chance)),
      expected,
    );
  });
}

test("a backoff spreads the doubled wait, and the cap holds before the spread", () => {
  assert.equal(backoff({ ...doubling, jitter: "half" })(2, 0.5), 3_000);
  assert.equal(backoff({ ...doubling, jitter: "around" })(9, 1), 45_000);
});
