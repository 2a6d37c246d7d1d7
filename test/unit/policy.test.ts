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
    ["a backoff", { "taskiq/backoff": "2.5" }, { backoffBaseMs: 2_500 }],
    ["no backoff", { "taskiq/backoff": "0" }, { backoffBaseMs: 0 }],
    ["park", { "taskiq/on_exhausted": "park" }, { onExhausted: "park" }],
    ["report", { "taskiq/on_exhausted": "report" }, {}],
    ["what a lost worker means", { "taskiq/on_worker_lost": "fail" }, {}],
    ["other tags", { "taskiq/group": "oslo", maxStarts: "9" }, {}],
    ["several", { "taskiq/max_starts": "1", "taskiq/backoff": "9" }, { maxStarts: 1, backoffBaseMs: 9_000 }],
  ];
  for (const [what, tags, changes] of rows) {
    test(what, () => {
      const policy = { ...defaultPolicy, ...changes };
      assert.deepEqual(policyFor(defaultPolicy, tags), { policy, refusedTags: [] });
    });
  }

  const starts = "a whole number from 1 to 1000";
  const senseless: readonly [string, string, string][] = [
    ...["0", "-1", "1.5", "Infinity", "many", "", " 3", "1e2", "1001"].map((value): [string, string, string] => [
      "taskiq/max_starts",
      value,
      starts,
    ]),
    ...["-1", "301", "soon", "", "1e1"].map((value): [string, string, string] => [
      "taskiq/backoff",
      value,
      "seconds, from 0 to 300",
    ]),
    ["taskiq/on_exhausted", "explode", "report or park"],
    ["taskiq/on_worker_lost", "Fail", "rerun or fail"],
  ];
  for (const [tag, value, expected] of senseless) {
    test(`${tag}: "${value}" is named and ignored; the others count`, () => {
      assert.deepEqual(policyFor(defaultPolicy, { "taskiq/group": "g", [tag]: value }), {
        policy: defaultPolicy,
        refusedTags: [`tag ${tag}: expected ${expected}, got "${value}"; ignored`],
      });
    });
  }

  test("a tag can take a worker's park back", () => {
    const parking = { ...defaultPolicy, onExhausted: "park" } as const;
    assert.equal(policyFor(parking, { "taskiq/on_exhausted": "report" }).policy.onExhausted, "report");
  });
});
