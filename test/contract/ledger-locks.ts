// Contract: named locks, which one owner has at a time and only for as long as it renews them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, leaseMs, type MakeLedger } from "./ledger-setup.ts";

export function lockContract(make: MakeLedger): void {
  test("a lock is its first owner's until its time is over, whichever connection asks", async (t) => {
    const { ledger, second, advance } = await make(t);
    const other = await second();
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), true);
    await advance(leaseMs - 1);
    assert.equal(await other.lock("sweep", "worker-b", leaseMs), false);
    await advance(1);
    assert.equal(await other.lock("sweep", "worker-b", leaseMs), true);
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), false);
  });

  test("its owner renews it: the time counts from the renewal", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    await advance(leaseMs - 1);
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), true);
    await advance(leaseMs - 1);
    assert.equal(await ledger.lock("sweep", "worker-b", leaseMs), false);
  });

  test("its owner gives it up by asking for no time", async (t) => {
    const { ledger } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    await ledger.lock("sweep", "worker-a", 0);
    assert.equal(await ledger.lock("sweep", "worker-b", leaseMs), true);
  });

  test("whoever does not have it gives up nothing", async (t) => {
    const { ledger } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    assert.equal(await ledger.lock("sweep", "worker-b", 0), false);
    assert.equal(await ledger.lock("sweep", "worker-c", leaseMs), false);
  });

  test("locks of different names, and rows, do not hinder each other", async (t) => {
    const { ledger } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    assert.equal(await ledger.lock("prune", "worker-b", leaseMs), true);
    await claimed(ledger);
    assert.equal((await ledger.list({ limit: 10 })).length, 1);
  });

  test("of many owners that ask at once, exactly one gets it", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ledgers[i % 2]?.lock("sweep", `worker-${i}`, leaseMs)),
    );
    assert.equal(taken.filter((got) => got === true).length, 1);
  });
}
