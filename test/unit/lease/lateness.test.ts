// Leases when something is late: the other service, an answer, our own event loop, or the whole
// machine.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntryResult } from "../../../core/queue/port.ts";
import { bench, hour, killMarginMs, leaseMs, minute } from "./setup.ts";

describe("a service that does not answer", () => {
  test("a queue that hangs does not delay the renewal of a lease in the ledger", async (t) => {
    const { clock, queue, ledger, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim();
    const answer = Promise.withResolvers<readonly EntryResult[]>();
    queue.onExtend = () => answer.promise;
    await clock.advance(10 * minute);
    assert.deepEqual([lease.lost.aborted, queue.extended.length], [false, 1]);
    assert.ok(ledger.renewed.length >= 30, `${ledger.renewed.length} renewals`);
    answer.resolve(["done"]);
  });

  test("a ledger that hangs does not delay the extension of visibility in the queue", async (t) => {
    const { clock, queue, ledger, receive, receiveAndClaim } = bench(t);
    await receiveAndClaim("m1");
    receive("m2");
    ledger.before = async () => await clock.sleep(hour);
    await clock.advance(10 * minute);
    assert.ok(queue.extended.length >= 30, `${queue.extended.length} extensions`);
  });
});

test("a renewal that is answered after we gave the lease up brings nothing back", async (t) => {
  const { clock, ledger, logged, receiveAndClaim } = bench(t);
  const { lease } = await receiveAndClaim();
  ledger.before = async () => await clock.sleep(50_000);
  await clock.advance(leaseMs - killMarginMs);
  assert.equal(lease.lost.aborted, true);
  ledger.before = async () => undefined;
  await clock.advance(hour);
  assert.deepEqual([lease.endsAtMs(), logged.of("lease.lost").length, ledger.renewed.length], [null, 1, 1]);
});

describe("an event loop that is blocked for 2 s at a time", () => {
  const lateMs = 2_000;
  const shortest = 10_000; // what --visibility-timeout takes at least

  test("a blocked event loop lets neither visibility nor the ledger's lease lapse, however short they are", async (t) => {
    const { clock, queue, ledger, receiveAndClaim } = bench(t, 0.999, {
      leaseMs: shortest,
      killMarginMs: shortest / 6,
      through: ({ wallMs, monoMs, sleep, within, deadline }) => ({
        wallMs,
        monoMs,
        sleep: (ms, signal) => sleep(ms + lateMs, signal),
        within,
        deadline,
      }),
    });
    const { lease } = await receiveAndClaim();
    await clock.advance(10 * minute);
    const instants = [0, ...queue.extended.map(({ atMs }) => atMs)];
    const gaps = instants.slice(1).map((atMs, i) => atMs - (instants[i] ?? 0));
    assert.ok(gaps.length > 100 && Math.max(...gaps) < shortest - lateMs, `longest gap ${Math.max(...gaps)} ms`);
    assert.ok(ledger.renewed.length > queue.extended.length, `${ledger.renewed.length} renewals`);
    assert.equal(lease.lost.aborted, false);
  });
});

test("a machine that was suspended for longer than a lease finds out within the margin", async (t) => {
  let suspendedMs = 0;
  const { clock, logged, receiveAndClaim } = bench(t, 0, {
    through: ({ wallMs, monoMs, sleep, within, deadline }) => ({
      wallMs,
      monoMs: () => monoMs() + suspendedMs,
      sleep,
      within,
      deadline,
    }),
  });
  const { lease } = await receiveAndClaim();
  await clock.advance(1_000);
  suspendedMs = hour; // timers stood still
  await clock.advance(killMarginMs);
  assert.equal(lease.lost.aborted, true);
  assert.deepEqual(logged.messages("lease.lost"), ["lease lost: it could not be renewed in time"]);
});
