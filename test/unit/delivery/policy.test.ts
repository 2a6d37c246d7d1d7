// How often the machinery tries, how long it waits, and what a step's own tags change about it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { defaultPolicy, policyFor, policyTags, releaseMs } from "../../../core/delivery/policy.ts";
import type { Limits } from "../../../core/runner/port.ts";

test("the tags that a worker reads are those of fixtures/step-tags.json but for the executor's own", () => {
  const listed = JSON.parse(readFileSync(new URL("../../../fixtures/step-tags.json", import.meta.url), "utf8"));
  assert.deepEqual([...policyTags, "taskiq/queue", "taskiq/group"].sort(), listed);
});

const almostOne = 1 - Number.EPSILON;

describe("how long a released message stays invisible", () => {
  test("the delays now, short and long do not depend on chance", () => {
    for (const chance of [0, 0.5, almostOne]) {
      assert.equal(releaseMs(defaultPolicy, "now", { receives: 1, starts: 2 }, chance), 0);
      assert.equal(releaseMs(defaultPolicy, "short", { receives: 1, starts: 2 }, chance), 5_000);
      assert.equal(releaseMs(defaultPolicy, "long", { receives: 1, starts: 2 }, chance), 300_000);
    }
  });

  test("a short delay grows with the message's receives, up to long", () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 5_000].map((receives) =>
      releaseMs(defaultPolicy, "short", { receives, starts: 9 }, 0.5),
    );
    const seconds = [5, 5, 5, 5, 10, 20, 40, 80, 160, 300, 300, 300, 300];
    assert.deepEqual(
      waits,
      seconds.map((one) => one * 1_000),
    );
  });

  test("the backoff of a released message doubles with every start, up to the cap", () => {
    const ceilings = [0, 1, 2, 3, 4, 9, 10, 100, 5_000].map((starts) =>
      Math.ceil(releaseMs(defaultPolicy, "backoff", { receives: 1, starts }, almostOne)),
    );
    assert.deepEqual(ceilings, [999, 999, 1_999, 3_999, 7_999, 255_999, 299_999, 299_999, 299_999]);
  });

  test("the backoff of a released message is a random time from 0 to its ceiling", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: almostOne, noNaN: true }), (starts, chance) => {
        const ms = releaseMs(defaultPolicy, "backoff", { receives: 1, starts }, chance);
        assert.ok(Number.isInteger(ms) && ms >= 0 && ms < defaultPolicy.backoffCapMs);
        assert.ok(ms <= chance * defaultPolicy.backoffBaseMs * 2 ** Math.max(0, starts - 1));
      }),
    );
    assert.equal(releaseMs(defaultPolicy, "backoff", { receives: 1, starts: 5 }, 0), 0);
    assert.equal(releaseMs({ ...defaultPolicy, backoffBaseMs: 0 }, "backoff", { receives: 1, starts: 2_000 }, 0.5), 0);
    assert.equal(releaseMs(defaultPolicy, "backoff", { receives: 1, starts: 5 }, 0.5), 8_000);
  });
});

describe("any policy", () => {
  const policy = fc.record({
    maxStarts: fc.integer({ min: 1, max: 1_000 }),
    onExhausted: fc.constantFrom("report" as const, "park" as const),
    backoffBaseMs: fc.nat(300_000),
    backoffCapMs: fc.nat(3_600_000),
    shortReleaseMs: fc.nat(60_000),
    longReleaseMs: fc.nat(3_600_000),
    limits: fc.constant(defaultPolicy.limits),
  });
  const chance = fc.double({ min: 0, max: almostOne, noNaN: true });
  // More starts than any budget: what cannot be reported is claimed again and again.
  const starts = fc.oneof(fc.nat(20), fc.nat(1_000_000));

  test("any policy backs off for whole milliseconds, never longer than its cap", () => {
    fc.assert(
      fc.property(policy, starts, chance, (any, n, c) => {
        const ms = releaseMs(any, "backoff", { receives: 1, starts: n }, c);
        assert.ok(Number.isInteger(ms) && ms >= 0 && ms <= any.backoffCapMs, `got ${ms}`);
      }),
      { numRuns: 2_000 },
    );
  });

  test("no policy backs off less for one more start, or for a higher random number", () => {
    fc.assert(
      fc.property(policy, starts, chance, chance, (any, n, c, d) => {
        const ms = (count: number, roll: number) => releaseMs(any, "backoff", { receives: 1, starts: count }, roll);
        assert.ok(ms(n, c) <= ms(n + 1, c));
        assert.ok(ms(n, Math.min(c, d)) <= ms(n, Math.max(c, d)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("any policy is valid with any tags, and names those that it ignores", () => {
    const known = [
      "taskiq/max_starts",
      "taskiq/backoff",
      "taskiq/on_exhausted",
      "taskiq/on_worker_lost",
      "taskiq/isolation",
      "taskiq/timeout",
      "taskiq/memory",
    ];
    const name = fc.oneof(fc.constantFrom(...known, "__proto__", "constructor"), fc.string());
    const value = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.double().map(String),
      fc.constantFrom("park", "report"),
    );
    fc.assert(
      fc.property(policy, fc.dictionary(name, value), (any, tags) => {
        const { policy: own, refusedTags } = policyFor(any, tags);
        assert.ok(Number.isInteger(own.maxStarts) && own.maxStarts >= 1 && own.maxStarts <= 1_000);
        assert.ok(own.backoffBaseMs >= 0 && own.backoffBaseMs <= 300_000);
        assert.ok(["report", "park"].includes(own.onExhausted));
        const given = known.filter((tag) => Object.hasOwn(tags, tag));
        assert.ok(refusedTags.length <= given.length);
        for (const sentence of refusedTags)
          assert.ok(given.some((tag) => sentence.startsWith(`tag ${tag}: expected `)));
      }),
      { numRuns: 2_000 },
    );
  });
});

const limited = (changes: Partial<Limits>) => ({ limits: { ...defaultPolicy.limits, ...changes } });

describe("a step's own tags", () => {
  const rows: readonly [string, Record<string, string>, Partial<typeof defaultPolicy>][] = [
    ["nothing without tags", {}, {}],
    ["a budget", { "taskiq/max_starts": "7" }, { maxStarts: 7 }],
    ["a backoff", { "taskiq/backoff": "2.5" }, { backoffBaseMs: 2_500 }],
    ["no backoff", { "taskiq/backoff": "0" }, { backoffBaseMs: 0 }],
    ["park", { "taskiq/on_exhausted": "park" }, { onExhausted: "park" }],
    ["report", { "taskiq/on_exhausted": "report" }, {}],
    ["what a lost worker means", { "taskiq/on_worker_lost": "fail" }, {}],
    ["how its process is made", { "taskiq/isolation": "spawn" }, {}],
    ["a timeout", { "taskiq/timeout": "90" }, limited({ timeoutMs: 90_000 })],
    ["a timeout with its unit", { "taskiq/timeout": "15m" }, limited({ timeoutMs: 900_000 })],
    ["a silence timeout", { "taskiq/silence_timeout": "1m30s" }, limited({ silenceMs: 90_000 })],
    ["no grace", { "taskiq/kill_grace": "0" }, limited({ graceMs: 0 })],
    ["memory", { "taskiq/memory": "512MiB" }, limited({ memoryBytes: 536_870_912 })],
    ["processes", { "taskiq/processes": "7" }, limited({ processes: 7 })],
    ["output", { "taskiq/max_output": "65536" }, limited({ outputBytes: 65_536 })],
    ["no end of output", { "taskiq/max_output": "off" }, limited({ outputBytes: null })],
    ["several limits", { "taskiq/timeout": "1", "taskiq/processes": "1" }, limited({ timeoutMs: 1_000, processes: 1 })],
    ["nothing by other tags", { "taskiq/group": "oslo", maxStarts: "9" }, {}],
    ["several values", { "taskiq/max_starts": "1", "taskiq/backoff": "9" }, { maxStarts: 1, backoffBaseMs: 9_000 }],
  ];
  for (const [what, tags, changes] of rows) {
    test(`a step's own tags set ${what}`, () => {
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
    ...["", "0", "0.5", "soon", "721h", "Off", "-1"].map((value): [string, string, string] => [
      "taskiq/timeout",
      value,
      "a duration from 1s to 720h, or off",
    ]),
    ["taskiq/silence_timeout", "999ms", "a duration from 1s to 720h, or off"],
    ["taskiq/kill_grace", "off", "a duration from 0s to 1h"],
    ["taskiq/memory", "15MiB", "a size from 16MiB to 64TiB, or off"],
    ["taskiq/processes", "0", "a whole number from 1 to 100000, or off"],
    ["taskiq/max_output", "1KB", "a size from 64KiB to 64TiB, or off"],
    ["taskiq/on_worker_lost", "Fail", "rerun or fail"],
    ["taskiq/isolation", "thread", "fork or spawn"],
  ];
  for (const [tag, value, expected] of senseless) {
    test(`the tag ${tag} with the value "${value}" is named and ignored, and the others count`, () => {
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
