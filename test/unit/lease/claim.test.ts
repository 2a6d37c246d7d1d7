// The ledger's lease: renewed together with visibility, and given up by our own clock before anyone
// else can claim.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { answerMs, bench, hour, killMarginMs, leaseMs } from "./setup.ts";

describe("a claim's lease", () => {
  test("a claim's lease is renewed as long as the delivery lasts", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    await clock.advance(hour);
    assert.equal(lease.lost.aborted, false);
    assert.equal((await ledger.find(hold.key))?.state, "running");
    const leftMs = ((await ledger.find(hold.key))?.leaseExpiresAtMs ?? 0) - clock.wallMs();
    assert.ok(leftMs > leaseMs / 2, `${leftMs} ms are left`);
  });

  test("a claim's lease is renewed with all the others in one call", async (t) => {
    const { clock, ledger, receive, receiveAndClaim } = bench(t);
    for (let i = 0; i < 12; i += 1) await receiveAndClaim(`m${i}`);
    receive("unclaimed");
    await clock.advance(16_000);
    assert.equal(ledger.renewed.length, 1);
    assert.equal(ledger.renewed[0]?.length, 12);
  });

  test("a claim's lease that another worker has taken over is lost", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim("m1");
    const { lease: other } = await receiveAndClaim("m2");
    await ledger.abandon(hold, { giveStartBack: false });
    await clock.advance(16_000);
    assert.deepEqual([lease.lost.aborted, other.lost.aborted], [true, false]);
    assert.deepEqual(logged.of("lease.lost"), [
      {
        event: "lease.lost",
        level: "error",
        message: "lease lost: the ledger gave it to another claim",
        key: "run-1:m1",
        runId: "run-1",
        stepKey: "m1",
        attempt: 0,
        messageId: "m1",
        receiveCount: 1,
        why: "the ledger gave it to another claim",
      },
    ]);
  });

  test("a claim's lease is given up a margin before its end, and no earlier, when the ledger cannot be reached", async (t) => {
    const { clock, ledger, logged, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    ledger.down.add("renew");
    await clock.advance(leaseMs - killMarginMs - 1);
    assert.equal(lease.lost.aborted, false);
    await clock.advance(1);
    assert.equal(lease.lost.aborted, true);
    assert.deepEqual(logged.messages("lease.lost"), ["lease lost: it could not be renewed in time"]);
  });

  test("a claim's lease that could not be renewed is tried every second, and kept when that helps", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    ledger.down.add("renew");
    await clock.advance(53_500);
    assert.equal(ledger.renewed.length, 42);
    ledger.down.clear();
    await clock.advance(hour);
    assert.equal(lease.lost.aborted, false);
  });

  test("a claim's lease outlives an outage of the ledger of 30 s, however late its calls fail", async (t) => {
    for (const beginsAtMs of [14_900, 19_900, 29_900, 39_900]) {
      for (let failsAfterMs = 0; failsAfterMs <= answerMs; failsAfterMs += 100) {
        const { clock, ledger, receiveAndClaim } = bench(t, 0.999);
        const endsAtMs = clock.monoMs() + beginsAtMs + 30_000;
        const { lease } = await receiveAndClaim();
        await clock.advance(beginsAtMs);
        ledger.before = async () => {
          if (clock.monoMs() >= endsAtMs) return;
          await clock.sleep(failsAfterMs);
          throw new Fault("TQ_LEDGER", "no answer");
        };
        await clock.advance(2 * leaseMs);
        assert.equal(
          lease.lost.aborted,
          false,
          `lost in an outage after ${beginsAtMs} ms, failing after ${failsAfterMs}`,
        );
      }
    }
  });

  test("a claim's lease counts from when its last renewal that worked was asked, not from when it answered", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    ledger.before = async () => await clock.sleep(10_000);
    await clock.advance(26_000);
    assert.equal(lease.endsAtMs(), 12_000 + leaseMs - killMarginMs);
    ledger.down.add("renew");
    await clock.advance(12_000 + leaseMs - killMarginMs - 26_000 - 1);
    assert.equal(lease.lost.aborted, false);
    await clock.advance(1);
    assert.equal(lease.lost.aborted, true);
  });

  test("a claim's lease is not shortened by a renewal that answers after a later permit", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    ledger.before = async (method) => (method === "renew" ? await clock.sleep(10_000) : undefined);
    await clock.advance(20_000);
    const askedAtMs = clock.monoMs();
    await ledger.permit(hold, leaseMs);
    lease.granted(hold, askedAtMs);
    await clock.advance(10_000);
    assert.equal(lease.endsAtMs(), 20_000 + leaseMs - killMarginMs);
  });

  test("a claim's lease is not shortened by a permit that was asked before a renewal and answers after it", async (t) => {
    const { clock, receiveAndClaim } = bench(t);
    const { lease, hold } = await receiveAndClaim();
    await clock.advance(16_000);
    lease.granted(hold, 11_000);
    assert.equal(lease.endsAtMs(), 12_000 + leaseMs - killMarginMs);
  });

  test("a claim's lease that was granted while others were watched is watched as well", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease: first } = await receiveAndClaim("m1");
    await clock.advance(30_000);
    ledger.down.add("renew");
    const { lease: second } = await receiveAndClaim("m2");
    await clock.advance(54_999);
    assert.deepEqual([first.lost.aborted, second.lost.aborted], [true, false]);
    await clock.advance(1);
    assert.equal(second.lost.aborted, true);
  });

  test("a claim's lease lost by one delivery leaves the others theirs", async (t) => {
    const { clock, ledger, receiveAndClaim } = bench(t);
    const { lease: lost } = await receiveAndClaim("m1");
    ledger.down.add("renew");
    await clock.advance(54_000);
    const { lease: fresh } = await receiveAndClaim("m2");
    await clock.advance(1_000);
    ledger.down.clear();
    await clock.advance(hour);
    assert.deepEqual([lost.lost.aborted, fresh.lost.aborted], [true, false]);
  });
});
