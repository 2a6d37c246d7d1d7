// Live means that our own loops turn; ready means that steps are being taken.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type HealthFacts, judgeHealth } from "../../../core/endpoints/health.ts";

const now = 10_000_000;
const hours = 3_600_000;

/** A worker with one step running and a receive under way. */
const well: HealthFacts = {
  nowMs: now,
  lastTickAtMs: now - 900,
  started: true,
  stopping: false,
  pollingSinceMs: now - 19_000,
  lastTurnAtMs: now - 19_000,
  waitMs: 20_000,
  closedBecause: null,
  broken: null,
  busy: 1,
  slots: 4,
  beganAtMs: now - hours,
  wasReady: true,
  readyWithinMs: 300_000,
};

const idle = { pollingSinceMs: null };

describe("verdicts", () => {
  const down = "the Dagster database cannot be reached";
  const rows: readonly [string, Partial<HealthFacts>, string, string][] = [
    ["all well", {}, "ok", "ok"],
    ["starting", { started: false, ...idle, lastTurnAtMs: now - hours }, "ok", "starting"],
    ["stopping", { stopping: true }, "ok", "stopping"],
    [
      "stopping with a step that takes hours",
      { stopping: true, ...idle, lastTurnAtMs: now - 5 * hours },
      "ok",
      "stopping",
    ],
    ["a dependency is down", { closedBecause: down, ...idle, lastTurnAtMs: now - 1_000 }, "ok", down],
    ["every slot busy for hours", { busy: 4, ...idle, lastTurnAtMs: now - 5 * hours }, "ok", "ok"],
    ["the event loop was late, within reason", { lastTickAtMs: now - 30_000 }, "ok", "ok"],
    [
      "the event loop stood still",
      { lastTickAtMs: now - 31_000 },
      "the event loop stood still for 31 s",
      "the event loop stood still for 31 s",
    ],
    ["a receive that is retried in an outage", { pollingSinceMs: now - 110_000 }, "ok", "ok"],
    [
      "a receive that hangs",
      { pollingSinceMs: now - 111_000 },
      "a receive has hung for 111 s",
      "a receive has hung for 111 s",
    ],
    [
      "a receive that hangs while stopping",
      { stopping: true, pollingSinceMs: now - 111_000 },
      "a receive has hung for 111 s",
      "a receive has hung for 111 s",
    ],
    ["the intake rests after a failed receive", { ...idle, lastTurnAtMs: now - 30_000 }, "ok", "ok"],
    [
      "the intake stands still",
      { ...idle, lastTurnAtMs: now - 111_000 },
      "the intake has stood still for 111 s",
      "the intake has stood still for 111 s",
    ],
  ];
  for (const [name, facts, live, ready] of rows) {
    test(`a worker is ${live === "ok" ? "live" : "not live"} and ${ready === "ok" ? "ready" : "not ready"}: ${name}`, () => {
      assert.deepEqual(judgeHealth({ ...well, ...facts }), {
        live: { ok: live === "ok", why: live },
        ready: { ok: ready === "ok", why: ready },
        healthy: { ok: live === "ok", why: live },
      });
    });
  }
});

describe("a worker that was never ready", () => {
  const broken = "code location etl cannot be imported: SyntaxError";
  const never = { wasReady: false, beganAtMs: now - 300_000 };
  const late = { ...never, beganAtMs: now - 300_001 };
  const rows: readonly [string, Partial<HealthFacts>, string, string][] = [
    ["while it starts", { ...never, started: false }, "ok", "not ready yet: starting"],
    ["with code that cannot be imported", { ...never, closedBecause: broken }, "ok", `not ready yet: ${broken}`],
    ["for too long", { ...late, closedBecause: broken }, `not ready within 5m of its start: ${broken}`, ""],
    [
      "for too long, without a limit",
      { ...late, readyWithinMs: null, closedBecause: broken },
      "ok",
      `not ready yet: ${broken}`,
    ],
    ["but is by now", late, "ok", "not ready yet: it has been ready for less than 5 s"],
    ["and stops", { ...late, stopping: true }, "ok", "ok"],
    ["since an operator made it quiet", { ...late, closedBecause: "quiet: ann", quiet: { by: "ann" } }, "ok", "ok"],
  ];
  for (const [name, facts, live, healthy] of rows) {
    test(`a worker that was never ready, ${name}, is ${live === "ok" ? "alive" : "not alive"} and ${healthy === "ok" ? "healthy" : "not healthy"}`, () => {
      const verdicts = judgeHealth({ ...well, ...facts });
      assert.deepEqual([verdicts.live.why, verdicts.healthy.why], [live, healthy === "" ? live : healthy]);
      assert.deepEqual([verdicts.live.ok, verdicts.healthy.ok], [live === "ok", healthy === "ok"]);
    });
  }
});

test("a worker that lacks one of its code locations is ready, and names it", () => {
  const broken = "code location etl cannot be imported";
  assert.deepEqual(judgeHealth({ ...well, broken }).ready, { ok: true, why: broken });
});

test("no outage makes a worker that was ready once neither alive nor healthy", () => {
  const facts = fc.record({
    closedBecause: fc.option(fc.string()),
    started: fc.boolean(),
    stopping: fc.boolean(),
    busy: fc.nat(4),
  });
  fc.assert(
    fc.property(facts, (given) => {
      const { live, healthy } = judgeHealth({ ...well, ...given });
      assert.deepEqual([live.ok, healthy.ok], [true, true]);
    }),
  );
});

test("a worker that is ready is live", () => {
  const ms = fc.nat(now);
  const facts = fc.record({ lastTickAtMs: ms, pollingSinceMs: fc.option(ms), lastTurnAtMs: ms, busy: fc.nat(4) });
  fc.assert(
    fc.property(facts, (given) => {
      const { live, ready } = judgeHealth({ ...well, ...given });
      assert.ok(live.ok || !ready.ok);
    }),
  );
});
