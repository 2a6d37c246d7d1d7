// A step that another worker holds: waited for, without a slot and without spending receives.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { result } from "../../support/ports/scripted-steps.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench, leaseMs } from "./setup.ts";

describe("a held step", () => {
  test("a held step is waited for without a slot, while its message stays hidden", async (t) => {
    const { begin, clock, claimAs, slots, queue, logged } = bench(t);
    await claimAs("worker-b");
    void begin();
    await clock.advance(leaseMs - 1);
    assert.equal(slots.busy, 0);
    assert.equal(queue.extended.length, 3);
    assert.deepEqual(logged.messages("delivery.held"), ["held by worker-b; waiting"]);
  });

  test("a held step is taken over when the other's lease has ended", async (t) => {
    const { begin, finish, clock, claimAs, runner, logged } = bench(t);
    await claimAs("worker-b");
    assert.equal(await finish(begin()), "acked");
    assert.equal(clock.monoMs(), leaseMs);
    assert.equal(runner.orders[0]?.delivery.takenOverFrom, "worker-b");
    assert.deepEqual(logged.messages("step.claimed"), ["taken over from worker-b, whose lease ended"]);
  });

  test("a held step's message is only deleted when the other worker settles it", async (t) => {
    const { begin, finish, clock, claimAs, ledger, runner } = bench(t);
    const hold = await claimAs("worker-b");
    const running = begin();
    await clock.advance(leaseMs / 2);
    await ledger.settle(hold, result("success"));
    assert.equal(await finish(running), "acked");
    assert.deepEqual(runner.orders, []);
  });

  test("a held step is waited for as long as the other worker renews", async (t) => {
    const { begin, finish, clock, claimAs, ledger, runner, logged, store } = bench(t);
    const hold = await claimAs("worker-b");
    const running = begin();
    for (let i = 0; i < 20; i += 1) {
      await clock.advance(leaseMs / 2);
      await store.renew([hold], leaseMs);
    }
    assert.ok(logged.of("delivery.held").length <= 20, "asked again before the lease it knew of had ended");
    assert.deepEqual(runner.orders, []);
    await ledger.settle(hold, result("failure"));
    assert.equal(await finish(running), "acked");
  });

  test("a held step takes its turn for a slot again before it runs", async (t) => {
    const { begin, finish, clock, claimAs, slots, runner } = bench(t);
    await claimAs("worker-b");
    const running = begin();
    await clock.advance(1_000);
    assert.equal(slots.takeFree(1), 1);
    await clock.advance(2 * leaseMs);
    assert.deepEqual(runner.orders, []);
    slots.release();
    assert.equal(await finish(running), "acked");
    assert.equal(runner.orders.length, 1);
  });

  test("a held step whose message may be delivered again is left to that delivery", async (t) => {
    const { begin, finish, clock, claimAs, queue, runner } = bench(t);
    await claimAs("worker-b");
    queue.onExtend = async () => ["gone"];
    assert.equal(await finish(begin(message("m1"))), "released");
    assert.ok(clock.monoMs() < leaseMs / 3);
    assert.deepEqual(runner.orders, []);
  });

  test("a held step is given back at once when the worker stops", async (t) => {
    const { begin, finish, clock, claimAs, quiet, deeds, slots } = bench(t);
    await claimAs("worker-b");
    const running = begin();
    await clock.advance(5_000);
    quiet.abort();
    assert.equal(await finish(running), "released");
    assert.equal(clock.monoMs(), 5_000);
    assert.deepEqual(deeds().slice(-1), ["extend m1#1 0"]);
    assert.equal(slots.busy, 0);
  });

  test("a held step that waits for a slot is given back when the worker stops", async (t) => {
    const { begin, finish, clock, claimAs, quiet, slots } = bench(t);
    await claimAs("worker-b");
    const running = begin();
    await clock.advance(1_000);
    slots.takeFree(1);
    await clock.advance(leaseMs);
    quiet.abort();
    assert.equal(await finish(running), "released");
    assert.equal(slots.busy, 1);
  });
});
