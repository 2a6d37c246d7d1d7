// How often the machinery tries, how long it waits, and what a step's own tags change about it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { defaultPolicy, policyFor, releaseMs } from "../../core/policy.ts";

const almostOne = 1 - Number.EPSILON;

describe("how long a released message stays invisible", () => {
  test("now, short and long are what they say, whatever the chance", () => {
    for (const chance of [0, 0.5, almostOne]) {
      assert.equal(releaseMs(defaultPolicy, "now", 2, chance), 0);
      assert.equal(releaseMs(defaultPolicy, "short", 2, chance), 5_000);
      assert.equal(releaseMs(defaultPolicy, "long", 2, chance), 300_000);
    }
  });

  test("a backoff doubles with every start, up to the cap", () => {
    const ceilings = [0, 1, 2, 3, 4, 9, 10, 100, 5_000].map((starts) =>
      Math.ceil(releaseMs(defaultPolicy, "backoff", starts, almostOne)),
    );
    assert.deepEqual(ceilings, [999, 999, 1_999, 3_999, 7_999, 255_999, 299_999, 299_999, 299_999]);
  });

  test("a backoff is anything from nothing to its ceiling", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: almostOne, noNaN: true }), (starts, chance) => {
        const ms = releaseMs(defaultPolicy, "backoff", starts, chance);
        assert.ok(Number.isInteger(ms) && ms >= 0 && ms < defaultPolicy.backoffCapMs);
        assert.ok(ms <= chance * defaultPolicy.backoffBaseMs * 2 ** Math.max(0, starts - 1));
      }),
    );
    assert.equal(releaseMs(defaultPolicy, "backoff", 5, 0), 0);
    assert.equal(releaseMs(defaultPolicy, "backoff", 5, 0.5), 8_000);
  });
});

describe("a step's own tags", () => {
  const rows: readonly [string, Record<string, string>, Partial<typeof defaultPolicy>][] = [
    ["none", {}, {}],
    ["a budget", { "taskiq/max_starts": "7" }, { maxStarts: 7 }],
    ["a budget of zero", { "taskiq/max_starts": "0" }, {}],
    ["a negative budget", { "taskiq/max_starts": "-1" }, {}],
    ["half a start", { "taskiq/max_starts": "1.5" }, {}],
    ["a budget without an end", { "taskiq/max_starts": "Infinity" }, {}],
    ["no number", { "taskiq/max_starts": "many" }, {}],
    ["an empty text", { "taskiq/max_starts": "" }, {}],
    ["park", { "taskiq/on_exhausted": "park" }, { onExhausted: "park" }],
    ["report", { "taskiq/on_exhausted": "report" }, {}],
    ["an end that there is not", { "taskiq/on_exhausted": "explode" }, {}],
    ["other tags", { "taskiq/group": "oslo", maxStarts: "9" }, {}],
  ];
  for (const [what, tags, changes] of rows) {
    test(what, () => assert.deepEqual(policyFor(defaultPolicy, tags), { ...defaultPolicy, ...changes }));
  }

  test("a tag can take a worker's park back", () => {
    const parking = { ...defaultPolicy, onExhausted: "park" } as const;
    assert.equal(policyFor(parking, { "taskiq/on_exhausted": "report" }).onExhausted, "report");
  });
});
