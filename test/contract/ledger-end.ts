// Contract: how a claim ends, with an outcome or without one.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SettledState } from "../../core/ledger/port.ts";
import type { ExecutionResult, ExecutionState } from "../../core/step/step.ts";
import { claimed, leaseMs, type MakeLedger, outcome, request, writeBoundMs } from "./ledger-setup.ts";

const settledAs: readonly (readonly [ExecutionState, SettledState])[] = [
  ["success", "completed"],
  ["run_over", "completed"],
  ["failure", "failed"],
  ["up_for_retry", "failed"],
  ["resource_init_failure", "failed"],
  ["reported", "dead"],
  ["parked", "dead"],
  ["malformed", "dead"],
];

/**
 * Text that a column, an encoding or a JSON parser may not like, nearly as long as a host sends it.
 */
const awkward = {
  class: "Ünïcode",
  message: `quote " backslash \\ NUL \u0000 line separator \u2028 lone surrogate \ud83d pair 😀 – ${"長".repeat(10)}`,
  traceback: `Traceback (most recent call last):\n${'  File "/x.py", line 1, in f\n'.repeat(2_000)}\t\r\n`,
};

const outcomes: readonly (readonly [string, ExecutionResult])[] = [
  ["nulls", outcome({ output: null, error: null })],
  ["no outputs", outcome({ output: { outputs: [], assets: [] } })],
  ["unicode, a long traceback", outcome({ state: "failure", output: null, error: awkward })],
  ["empty texts", outcome({ state: "failure", error: { class: "", message: "", traceback: "" } })],
  ["zero and fractions", outcome({ started_at: 0, completed_at: 1e-9, execution_time_seconds: 1790000000.123457 })],
];

export function endContract(make: MakeLedger): void {
  for (const [state, settled] of settledAs) {
    test(`an outcome ${state} settles the row as ${settled}, and ends the lease`, async (t) => {
      const { ledger, nowMs, advance } = await make(t);
      const hold = await claimed(ledger);
      await advance(10);
      assert.equal(await ledger.settle(hold, outcome({ state })), "recorded");
      const row = await ledger.find(hold.key);
      assert.deepEqual([row?.state, row?.leaseExpiresAtMs, row?.settledAtMs], [settled, null, nowMs()]);
    });
  }

  for (const [title, end] of outcomes) {
    test(`the outcome comes back as it was stored: ${title}`, async (t) => {
      const { ledger, second } = await make(t);
      const hold = await claimed(ledger);
      await ledger.permit(hold, leaseMs);
      await ledger.settle(hold, end);
      const claim = await (await second()).claim(request());
      assert.deepEqual(claim.kind === "settled" && claim.outcome, end);
      assert.deepEqual((await ledger.find(hold.key))?.outcome, end);
    });
  }

  test("settling the same end again is recorded, and changes nothing; another end is stale", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger);
    const end = outcome({ state: "failure", error: awkward });
    assert.equal(await ledger.settle(hold, end), "recorded");
    const row = await ledger.find(hold.key);
    await advance(5);
    const { state, ...rest } = structuredClone(end);
    assert.equal(await ledger.settle(hold, { ...rest, state }), "recorded");
    assert.equal(await ledger.settle(hold, outcome()), "stale");
    assert.equal(await ledger.settle({ ...hold, fence: hold.fence + 1 }, end), "stale");
    assert.deepEqual(await ledger.find(hold.key), row);
  });

  test("a settled row cannot be abandoned", async (t) => {
    const { ledger } = await make(t);
    const hold = await claimed(ledger);
    await ledger.settle(hold, outcome());
    assert.equal(await ledger.abandon(hold, { giveStartBack: true }), "stale");
    assert.equal((await ledger.find(hold.key))?.starts, 1);
  });

  test("an abandoned row is pending and free at once, and its next claim takes over from no worker", async (t) => {
    const { ledger } = await make(t);
    const hold = await claimed(ledger);
    assert.equal(await ledger.abandon(hold, { giveStartBack: false }), "abandoned");
    const row = await ledger.find(hold.key);
    assert.deepEqual([row?.state, row?.leaseExpiresAtMs, row?.owner], ["pending", null, "worker-a"]);
    const { fence, starts, takenOverFrom } = await claimed(ledger, request({ owner: "worker-b" }));
    assert.deepEqual({ fence, starts, takenOverFrom }, { fence: 2, starts: 2, takenOverFrom: null });
  });

  test("an abandoned row that was permitted waits out the write bound, counted from the abandonment", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    const hold = await claimed(ledger);
    await ledger.permit(hold, leaseMs);
    await advance(1_000);
    assert.equal(await ledger.abandon(hold, { giveStartBack: false }), "abandoned");
    const row = await ledger.find(hold.key);
    assert.deepEqual([row?.state, row?.leaseExpiresAtMs], ["pending", nowMs() + writeBoundMs]);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: writeBoundMs });
    await advance(writeBoundMs - 1);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: 1 });
    await advance(1);
    assert.deepEqual((await claimed(ledger)).takenOverFrom, null);
  });

  test("an abandoned row refuses every write, even of its last fence", async (t) => {
    const { ledger } = await make(t);
    const hold = await claimed(ledger);
    await ledger.abandon(hold, { giveStartBack: false });
    assert.deepEqual(await ledger.renew([hold], leaseMs), [false]);
    assert.equal(await ledger.permit(hold, leaseMs), "refused");
    assert.equal(await ledger.settle(hold, outcome()), "stale");
  });

  test("starts count every claim but those given back, and a second abandonment gives nothing back", async (t) => {
    const { ledger } = await make(t);
    const seen: number[] = [];
    for (const giveStartBack of [false, true, true, false, true]) {
      const hold = await claimed(ledger);
      seen.push(hold.starts);
      assert.equal(await ledger.abandon(hold, { giveStartBack }), "abandoned");
      assert.equal(await ledger.abandon(hold, { giveStartBack }), "abandoned");
    }
    assert.deepEqual(seen, [1, 2, 2, 2, 3]);
    assert.equal((await ledger.find(request().key))?.starts, 2);
  });

  test("starts never fall below zero", async (t) => {
    const { ledger } = await make(t);
    for (let i = 0; i < 2; i++) await ledger.abandon(await claimed(ledger), { giveStartBack: true });
    assert.equal((await ledger.find(request().key))?.starts, 0);
  });
}
