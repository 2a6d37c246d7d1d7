// Contract: many askers at once. Whatever the interleaving, a row has one holder.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, leaseMs, type MakeLedger, outcome, request, requestFor } from "./ledger-setup.ts";

const askers = 20;

export function concurrencyContract(make: MakeLedger): void {
  test("exactly one of many simultaneous claims is granted", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    const claims = await Promise.all(
      Array.from({ length: askers }, (_, i) => ledgers[i % 2]?.claim(request({ owner: `worker-${i}` }))),
    );
    assert.equal(claims.filter((claim) => claim?.kind === "granted").length, 1);
    assert.equal(claims.filter((claim) => claim?.kind === "held").length, askers - 1);
    assert.equal((await ledger.find(request().key))?.starts, 1);
  });

  test("exactly one of many simultaneous takeovers is granted", async (t) => {
    const { ledger, second, advance } = await make(t);
    await claimed(ledger);
    await advance(leaseMs);
    const ledgers = [ledger, await second()];
    const claims = await Promise.all(Array.from({ length: askers }, (_, i) => ledgers[i % 2]?.claim(request())));
    assert.deepEqual(
      claims.flatMap((claim) => (claim?.kind === "granted" ? [claim.fence] : [])),
      [2],
    );
  });

  test("exactly one of many simultaneous permits under one fence is granted", async (t) => {
    const { ledger, second } = await make(t);
    const hold = await claimed(ledger);
    const ledgers = [ledger, await second()];
    const permits = await Promise.all(Array.from({ length: askers }, (_, i) => ledgers[i % 2]?.permit(hold, leaseMs)));
    assert.equal(permits.filter((permit) => permit === "granted").length, 1);
  });

  test("exactly one of many simultaneous ends under one fence is recorded", async (t) => {
    const { ledger, second } = await make(t);
    const hold = await claimed(ledger);
    const ledgers = [ledger, await second()];
    const settles = await Promise.all(
      Array.from({ length: askers }, (_, i) => ledgers[i % 2]?.settle(hold, outcome({ completed_at: i }))),
    );
    assert.equal(settles.filter((settle) => settle === "recorded").length, 1);
    assert.equal((await ledger.find(hold.key))?.outcome?.completed_at, settles.indexOf("recorded"));
  });

  test("a takeover and a settle at the same instant: one of them has the row", async (t) => {
    const { ledger, second, advance } = await make(t);
    const hold = await claimed(ledger);
    await advance(leaseMs);
    const other = await second();
    const [settle, claim] = await Promise.all([ledger.settle(hold, outcome()), other.claim(request())]);
    assert.ok(["recorded settled", "stale granted"].includes(`${settle} ${claim.kind}`), `${settle} ${claim.kind}`);
  });

  test("a claim that no column can hold is refused alone, whatever it is asked together with", async (t) => {
    const { ledger } = await make(t);
    const tooLarge = request({ attempt: 2 ** 63 });
    const claims = await Promise.allSettled(
      [request(), tooLarge, request({ attempt: 1 })].map((one) => ledger.claim(one)),
    );
    assert.deepEqual(
      claims.map((claim) => (claim.status === "fulfilled" ? claim.value.kind : claim.reason.code)),
      ["granted", "TQ_LEDGER_REFUSED", "granted"],
    );
    await ledger.ping();
  });

  test("claims of different rows do not hinder each other", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    const claims = await Promise.all(
      Array.from({ length: askers }, (_, i) => ledgers[i % 2]?.claim(requestFor(`run-1:step_${i}`))),
    );
    assert.deepEqual(new Set(claims.map((claim) => claim?.kind)), new Set(["granted"]));
  });
}
