// Contract: what operators write. A letter has one replay, even if several operators plan it. A row
// is reopened only as the operator saw it, and only once no worker writes to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReplayPlan } from "../../core/ledger/port.ts";
import { claimed, leaseMs, type MakeLedger, outcome, request, writeBoundMs } from "./ledger-setup.ts";

const audit = { who: "ops", why: "the bucket is back" };
const dead = outcome({ state: "parked", output: null });

function plan(letterId: string, changes: Partial<ReplayPlan> = {}): ReplayPlan {
  return { letterId, queueUrl: "https://sqs/dead", subject: "run-1:load", act: "replay", ...audit, ...changes };
}

export function operatorContract(make: MakeLedger): void {
  test("a letter has one replay and one id for its copy: another plan of it gets the first one, as far as it is", async (t) => {
    const { ledger, second, nowMs } = await make(t);
    assert.equal(await ledger.findReplay("m1"), null);
    const first = await ledger.planReplay(plan("m1"), "id-1");
    const times = { plannedAtMs: nowMs(), updatedAtMs: nowMs() };
    const planned = { ...plan("m1"), number: 1, state: "planned", sentId: null, deduplicationId: "id-1" };
    assert.deepEqual(first, { ...planned, ...times });
    await ledger.advanceReplay("m1", "sent", "new-1");
    const again = await (await second()).planReplay(plan("m1", { who: "other", why: "too" }), "id-2");
    assert.deepEqual(again, { ...first, state: "sent", sentId: "new-1" });
  });

  test("replays of one attempt are numbered, one after the other", async (t) => {
    const { ledger } = await make(t);
    const numbers = [];
    for (const id of ["m1", "m2", "m1", "m3"]) numbers.push((await ledger.planReplay(plan(id), `of-${id}`)).number);
    const other = await ledger.planReplay(plan("m4", { subject: "run-1:clean" }), "of-m4");
    assert.deepEqual([numbers, other.number], [[1, 2, 1, 3], 1]);
  });

  test("many operators who plan one letter at once all get the same replay", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    const asked = Array.from({ length: 10 }, (_, i) =>
      ledgers[i % 2]?.planReplay(plan("m1", { who: `ops-${i}` }), `id-of-ops-${i}`),
    );
    const answers = await Promise.all(asked);
    assert.equal(new Set(answers.map((replay) => replay?.who)).size, 1);
    for (const replay of answers) assert.equal(replay?.deduplicationId, `id-of-${replay?.who}`);
  });

  test("a replay never goes back, and keeps the id of what was sent", async (t) => {
    const { ledger } = await make(t);
    await ledger.planReplay(plan("m1"), "id-1");
    await ledger.advanceReplay("m1", "sent", "new-1");
    await ledger.advanceReplay("m1", "deleted", null);
    await ledger.advanceReplay("m1", "sent", null);
    const found = await ledger.findReplay("m1");
    assert.deepEqual([found?.state, found?.sentId], ["deleted", "new-1"]);
  });

  test("a dead row is reopened: its budget is whole, its old fence is stale, another body may come, and it is written down", async (t) => {
    const { ledger, nowMs } = await make(t);
    const hold = await claimed(ledger);
    await ledger.settle(hold, dead);
    const reopening = { key: hold.key, fence: hold.fence, payloadDigest: "digest-2", ...audit };
    assert.equal(await ledger.reopen(reopening), "reopened");
    const row = await ledger.find(hold.key);
    assert.deepEqual([row?.state, row?.starts, row?.outcome, row?.settledAtMs], ["pending", 0, null, null]);
    assert.equal(row?.bodyBound, true);
    assert.equal(await ledger.settle(hold, outcome()), "stale");
    const next = await claimed(ledger, request({ payloadDigest: "digest-2" }));
    assert.deepEqual([next.starts, next.payloadDigest], [1, "digest-2"]);
    assert.ok(next.fence > hold.fence + 1);
    const from = { key: hold.key, fence: hold.fence + 1, fromState: "dead", fromStarts: 1 };
    assert.deepEqual(await ledger.reopenings(hold.key), [{ ...from, ...audit, atMs: nowMs() }]);
  });

  test("a row that two operators saw alike is reopened once, and the second request is refused", async (t) => {
    const { ledger, second } = await make(t);
    const hold = await claimed(ledger);
    await ledger.settle(hold, dead);
    const other = await second();
    const reopening = { key: hold.key, fence: hold.fence, payloadDigest: null, ...audit };
    const answers = await Promise.all([ledger.reopen(reopening), other.reopen(reopening)]);
    assert.deepEqual(answers.sort(), ["changed", "reopened"]);
    assert.equal((await ledger.reopenings(hold.key)).length, 1);
    assert.equal((await ledger.find(hold.key))?.payloadDigest, "digest-1");
    assert.equal(await ledger.reopen({ ...reopening, key: "run-9:none" }), "changed");
  });

  test("a row that succeeded, failed or is held is not reopened", async (t) => {
    const { ledger } = await make(t);
    for (const [attempt, state] of (["success", "failure", null] as const).entries()) {
      const hold = await claimed(ledger, request({ attempt }));
      if (state !== null) await ledger.settle(hold, outcome({ state }));
      const before = await ledger.find(hold.key);
      const { key, fence } = hold;
      assert.equal(await ledger.reopen({ key, fence, payloadDigest: null, ...audit }), "changed");
      assert.deepEqual([await ledger.find(key), await ledger.reopenings(key)], [before, []]);
    }
  });

  test("an abandoned row, and a row whose lease ended, have no starts after they are reopened", async (t) => {
    const { ledger, advance } = await make(t);
    const abandoned = await claimed(ledger);
    await ledger.abandon(abandoned, { giveStartBack: false });
    const lost = await claimed(ledger, request({ attempt: 1 }));
    await advance(leaseMs);
    for (const { key, fence } of [abandoned, lost]) {
      assert.equal(await ledger.reopen({ key, fence, payloadDigest: null, ...audit }), "reopened");
      assert.equal((await ledger.find(key))?.starts, 0);
    }
    assert.equal(await ledger.permit(lost, leaseMs), "refused");
  });

  test("a permitted row is left alone until its terminal event cannot come any more", async (t) => {
    const { ledger, advance } = await make(t);
    const { key, fence } = await claimed(ledger);
    await ledger.permit({ key, fence }, leaseMs);
    await advance(leaseMs + writeBoundMs - 1);
    const reopening = { key, fence, payloadDigest: null, ...audit };
    assert.equal(await ledger.reopen(reopening), "changed");
    await advance(1);
    assert.equal(await ledger.reopen(reopening), "reopened");
  });
}
