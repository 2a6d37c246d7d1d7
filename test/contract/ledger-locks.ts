// Contract: named locks, which one owner has at a time and only for as long as it renews them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, leaseMs, type MakeLedger } from "./ledger-setup.ts";

export function lockContract(make: MakeLedger): void {
  test("a lock belongs to its first owner until its time is over, on every connection", async (t) => {
    const { ledger, second, advance } = await make(t);
    const other = await second();
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), true);
    await advance(leaseMs - 1);
    assert.equal(await other.lock("sweep", "worker-b", leaseMs), false);
    await advance(1);
    assert.equal(await other.lock("sweep", "worker-b", leaseMs), true);
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), false);
  });

  test("the time of a lock counts from its last renewal", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    await advance(leaseMs - 1);
    assert.equal(await ledger.lock("sweep", "worker-a", leaseMs), true);
    await advance(leaseMs - 1);
    assert.equal(await ledger.lock("sweep", "worker-b", leaseMs), false);
  });

  test("an owner gives up a lock by asking for a time of 0", async (t) => {
    const { ledger } = await make(t);
    await ledger.lock("sweep", "worker-a", leaseMs);
    await ledger.lock("sweep", "worker-a", 0);
    assert.equal(await ledger.lock("sweep", "worker-b", leaseMs), true);
  });

  test("giving up a lock that another owner holds leaves it held", async (t) => {
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

  test("exactly one of many owners that ask at once gets the lock", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ledgers[i % 2]?.lock("sweep", `worker-${i}`, leaseMs)),
    );
    assert.equal(taken.filter((got) => got === true).length, 1);
  });
}
