// The end of a lease: nothing is prolonged after it, and the calls under way are over.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntryResult } from "../../../core/queue/port.ts";
import { bench, hour, minute } from "./setup.ts";

describe("after its end", () => {
  test("neither visibility nor claim is prolonged after the end of a delivery", async (t) => {
    const { clock, queue, ledger, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    await lease.end();
    await clock.advance(hour);
    assert.deepEqual([queue.extended, ledger.renewed], [[], []]);
    assert.deepEqual([lease.lost.aborted, lease.visibilityLost.aborted, lease.endsAtMs()], [false, false, null]);
  });

  test("the end of a delivery waits for an extension under way", async (t) => {
    const { clock, queue, receive } = bench(t);
    const lease = receive();
    const answer = Promise.withResolvers<readonly EntryResult[]>();
    queue.onExtend = () => answer.promise;
    await clock.advance(16_000);
    let over = false;
    const ending = lease.end().then(() => {
      over = true;
    });
    await clock.advance(3_000);
    assert.equal(over, false);
    answer.resolve(["done"]);
    await ending;
    assert.equal(over, true);
  });

  test("an extension under way that failed lets the delivery end, too", async (t) => {
    const { clock, queue, receive } = bench(t);
    const lease = receive();
    const answer = Promise.withResolvers<readonly EntryResult[]>();
    queue.onExtend = () => answer.promise;
    await clock.advance(16_000);
    const ending = lease.end();
    answer.reject(new Error("socket hang up"));
    await ending;
  });

  test("an extension that finds the message deleted meanwhile is not a loss", async (t) => {
    const { clock, queue, logged, receive } = bench(t);
    const lease = receive();
    const answer = Promise.withResolvers<readonly EntryResult[]>();
    queue.onExtend = () => answer.promise;
    await clock.advance(16_000);
    const ending = lease.end();
    answer.resolve(["gone"]);
    await ending;
    await clock.advance(minute);
    assert.equal(lease.visibilityLost.aborted, false);
    assert.deepEqual(logged.of("lease.visibility_lost"), []);
  });

  test("a delivery may end again", async (t) => {
    const { receive } = bench(t);
    const lease = receive();
    await lease.end();
    await lease.end();
  });
});

describe("once its claim is over", () => {
  test("only visibility is prolonged once the claim is over, and nothing can be lost any more", async (t) => {
    const { clock, queue, ledger, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    lease.unclaimed();
    await clock.advance(hour);
    assert.equal(lease.lost.aborted, false);
    assert.deepEqual(ledger.renewed, []);
    assert.ok(queue.extended.length > 100);
  });

  test("a permit that answers after the claim is over brings nothing back", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    await ledger.abandon(hold, { giveStartBack: true });
    lease.unclaimed();
    lease.granted(hold, clock.monoMs());
    assert.equal(lease.endsAtMs(), null);
    await clock.advance(hour);
    assert.deepEqual([ledger.renewed, logged.of("lease.lost")], [[], []]);
  });

  test("a renewal that is answered before the settlement it crossed with is not a loss", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    lease.closing();
    await ledger.abandon(hold, { giveStartBack: true });
    await clock.advance(16_000);
    assert.equal(ledger.renewed.length, 1);
    assert.deepEqual([lease.lost.aborted, logged.of("lease.lost")], [false, []]);
  });

  test("the worker's own clock still counts while a claim closes, and the settlement says what came of it", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    lease.closing();
    ledger.down.add("renew");
    await clock.advance(54_999);
    assert.equal(lease.lost.aborted, false);
    await clock.advance(1);
    assert.deepEqual([lease.lost.aborted, logged.of("lease.lost")], [true, []]);
  });

  test("a renewal that is answered after the settlement it crossed with is not a loss", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    ledger.before = async (method) => (method === "renew" ? await clock.sleep(1_000) : undefined);
    await clock.advance(16_000);
    await ledger.abandon(hold, { giveStartBack: true });
    lease.unclaimed();
    await clock.advance(1_000);
    assert.equal(ledger.renewed.length, 1);
    assert.deepEqual([lease.lost.aborted, logged.of("lease.lost")], [false, []]);
  });
});

describe("stopping the keeper", () => {
  test("stopping the keeper ends its loops", async (t) => {
    const { clock, queue, keeper, receiveAndClaim } = bench(t);
    await receiveAndClaim();
    await keeper.stop();
    await clock.advance(hour);
    assert.deepEqual([clock.sleeping, queue.extended], [0, []]);
  });

  test("stopping the keeper waits for the calls under way", async (t) => {
    const { clock, queue, keeper, receive } = bench(t);
    receive();
    const answer = Promise.withResolvers<readonly EntryResult[]>();
    queue.onExtend = () => answer.promise;
    await clock.advance(16_000);
    let over = false;
    const stopping = keeper.stop().then(() => {
      over = true;
    });
    await clock.advance(1_000);
    assert.equal(over, false);
    answer.resolve(["done"]);
    await stopping;
  });

  test("stopping a keeper that was never started does nothing, and may be done twice", async (t) => {
    const { keeper } = bench(t);
    await keeper.stop();
    await keeper.stop();
  });
});
