// Contract: keeping a lease, and leave to write under it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, leaseMs, type MakeLedger, outcome, request, requestFor, writeBoundMs } from "./ledger-setup.ts";

export function leaseContract(make: MakeLedger): void {
  test("a renewal counts the lease from now", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger);
    await advance(leaseMs - 1);
    assert.deepEqual(await ledger.renew([hold], leaseMs), [true]);
    await advance(leaseMs - 1);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: 1 });
  });

  test("a renewal of many claims answers each claim in the order asked", async (t) => {
    const { ledger, advance } = await make(t);
    const lost = await claimed(ledger, requestFor("run-1:lost"));
    await advance(leaseMs);
    await claimed(ledger, requestFor("run-1:lost", { owner: "worker-b" }));
    const kept = await claimed(ledger, requestFor("run-1:kept"));
    const settled = await claimed(ledger, requestFor("run-1:settled"));
    await ledger.settle(settled, outcome());
    const permitted = await claimed(ledger, requestFor("run-1:permitted"));
    await ledger.permit(permitted, leaseMs);
    const abandoned = await claimed(ledger, requestFor("run-1:abandoned"));
    await ledger.abandon(abandoned, { giveStartBack: false });
    const unknown = { key: "run-1:unknown", fence: 1 };
    const holds = [settled, kept, unknown, lost, permitted, abandoned, kept];
    assert.deepEqual(await ledger.renew(holds, leaseMs), [true, true, false, false, true, false, true]);
  });

  test("a row that was settled stays with the fence that settled it, and a renewal changes nothing of it", async (t) => {
    const { ledger, advance } = await make(t);
    const lost = await claimed(ledger);
    await advance(leaseMs);
    const hold = await claimed(ledger);
    await ledger.settle(hold, outcome());
    const row = await ledger.find(hold.key);
    await advance(2 * leaseMs);
    assert.deepEqual(await ledger.renew([hold, lost], leaseMs), [true, false]);
    assert.deepEqual(await ledger.find(hold.key), row);
  });

  test("a renewal distinguishes two fences of one key", async (t) => {
    const { ledger, advance } = await make(t);
    const stale = await claimed(ledger);
    await advance(leaseMs);
    const current = await claimed(ledger);
    assert.deepEqual(await ledger.renew([stale, current, stale], leaseMs), [false, true, false]);
  });

  test("a renewal of no claims answers nothing", async (t) => {
    const { ledger } = await make(t);
    assert.deepEqual(await ledger.renew([], leaseMs), []);
  });

  test("a lease that ended still belongs to its fence until another claim takes it over", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger);
    await advance(2 * leaseMs);
    assert.deepEqual(await ledger.renew([hold], leaseMs), [true]);
    await advance(2 * leaseMs);
    assert.equal(await ledger.permit(hold, leaseMs), "granted");
    await advance(2 * leaseMs);
    assert.equal(await ledger.settle(hold, outcome()), "recorded");
  });

  test("a permit is granted once per fence", async (t) => {
    const { ledger, advance } = await make(t);
    const first = await claimed(ledger);
    assert.equal(await ledger.permit(first, leaseMs), "granted");
    assert.equal(await ledger.permit(first, leaseMs), "refused");
    await advance(leaseMs + writeBoundMs);
    const next = await claimed(ledger);
    assert.equal(await ledger.permit(first, leaseMs), "refused");
    assert.equal(await ledger.permit(next, leaseMs), "granted");
  });

  test("a permit renews the lease in full", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    const hold = await claimed(ledger);
    await advance(leaseMs - 1);
    await ledger.permit(hold, leaseMs);
    const row = await ledger.find(hold.key);
    assert.deepEqual([row?.state, row?.leaseExpiresAtMs], ["permitted", nowMs() + leaseMs]);
  });

  test("renewing a permitted row leaves it permitted", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger);
    await ledger.permit(hold, leaseMs);
    await advance(leaseMs - 1);
    await ledger.renew([hold], leaseMs);
    assert.equal((await ledger.find(hold.key))?.state, "permitted");
    await advance(leaseMs);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: writeBoundMs });
  });

  for (const end of ["settle", "abandon"] as const) {
    test(`a claim gets no permit after ${end}`, async (t) => {
      const { ledger } = await make(t);
      const hold = await claimed(ledger);
      if (end === "settle") await ledger.settle(hold, outcome());
      else await ledger.abandon(hold, { giveStartBack: false });
      assert.equal(await ledger.permit(hold, leaseMs), "refused");
    });
  }

  test("a stale fence can neither renew, permit, settle nor abandon, and changes nothing by trying", async (t) => {
    const { ledger, advance } = await make(t);
    const stale = await claimed(ledger);
    await advance(leaseMs);
    await claimed(ledger, request({ owner: "worker-b" }));
    const before = await ledger.find(stale.key);
    await advance(1);
    for (const fence of [stale.fence, 0, 3]) {
      const hold = { key: stale.key, fence };
      assert.deepEqual(await ledger.renew([hold], leaseMs), [false]);
      assert.equal(await ledger.permit(hold, leaseMs), "refused");
      assert.equal(await ledger.settle(hold, outcome()), "stale");
      assert.equal(await ledger.abandon(hold, { giveStartBack: true }), "stale");
    }
    assert.deepEqual(await ledger.find(stale.key), before);
  });

  test("a key without a claim refuses every write", async (t) => {
    const { ledger } = await make(t);
    const hold = { key: "run-1:never", fence: 1 };
    assert.equal(await ledger.permit(hold, leaseMs), "refused");
    assert.equal(await ledger.settle(hold, outcome()), "stale");
    assert.equal(await ledger.abandon(hold, { giveStartBack: false }), "stale");
    assert.equal(await ledger.find(hold.key), null);
  });
}
