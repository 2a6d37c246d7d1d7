// Visibility: prolonged in time, in one call for all, and given up without harm.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntryResult } from "../../../core/queue/port.ts";
import { bench, hour, leaseMs, minute } from "./setup.ts";

describe("visibility", () => {
  for (const chance of [0, 0.5, 0.999_999]) {
    test(`visibility is prolonged before a third of it is gone, whenever the receive was (chance ${chance})`, async (t) => {
      const { clock, queue, receive } = bench(t, chance);
      for (let i = 0; i < 20; i += 1) {
        receive(`m${i}`);
        await clock.advance(3_700);
      }
      await clock.advance(10 * minute);
      for (let i = 0; i < 20; i += 1) {
        const calls = queue.extended.filter(({ extensions }) =>
          extensions.some(({ receipt }) => receipt === `m${i}#1`),
        );
        const instants = [i * 3_700, ...calls.map(({ atMs }) => atMs)];
        const gaps = instants.slice(1).map((atMs, at) => atMs - (instants[at] ?? 0));
        assert.ok(gaps.length > 25, `m${i} was prolonged ${gaps.length} times`);
        assert.ok(Math.max(...gaps) <= leaseMs / 3, `m${i} waited ${Math.max(...gaps)} ms`);
      }
    });
  }

  test("visibility is prolonged for all deliveries in one call", async (t) => {
    const { clock, queue, receive } = bench(t);
    for (let i = 0; i < 25; i += 1) receive(`m${i}`);
    await clock.advance(16_000);
    assert.equal(queue.extended.length, 1);
    assert.deepEqual(
      queue.extended[0]?.extensions,
      Array.from({ length: 25 }, (_, i) => ({ receipt: `m${i}#1`, visibilityMs: leaseMs })),
    );
  });

  test("visibility asks the queue for nothing while there is nothing to prolong", async (t) => {
    const { clock, queue, ledger } = bench(t);
    await clock.advance(10 * minute);
    assert.deepEqual([queue.extended, ledger.renewed], [[], []]);
  });

  test("visibility that could not be prolonged is tried again within a second or so", async (t) => {
    const { clock, queue, logged, receive } = bench(t);
    receive();
    queue.onExtend = async () => Promise.reject(new Error("connect ETIMEDOUT"));
    await clock.advance(18_000);
    assert.deepEqual(instants(queue), [16_000, 17_000, 18_000]);
    assert.equal(logged.messages("lease.renew_failed")[0], "could not renew 1 lease (visibility): connect ETIMEDOUT");
    queue.onExtend = async () => ["done"];
    await clock.advance(17_000);
    assert.deepEqual(instants(queue), [16_000, 17_000, 18_000, 19_000, 35_000]);
  });

  test("visibility that was throttled for one delivery is tried again soon", async (t) => {
    const { clock, queue, receive } = bench(t);
    receive("m1");
    const throttled = receive("m2");
    const answers: EntryResult[][] = [["done", "failed"]];
    queue.onExtend = async () => answers.shift() ?? ["done", "done"];
    await clock.advance(17_000);
    assert.deepEqual(instants(queue), [16_000, 17_000]);
    assert.equal(throttled.visibilityLost.aborted, false);
  });

  test("visibility whose receipt is gone is lost; the claim, and the other deliveries, are not", async (t) => {
    const { clock, queue, logged, receive, receiveAndClaim } = bench(t);
    const { lease } = await receiveAndClaim("m1");
    const other = receive("m2");
    queue.onExtend = async (extensions) => extensions.map(({ receipt }) => (receipt === "m1#1" ? "gone" : "done"));
    await clock.advance(16_000);
    assert.deepEqual([lease.visibilityLost.aborted, lease.lost.aborted], [true, false]);
    assert.deepEqual([other.visibilityLost.aborted, other.lost.aborted], [false, false]);
    assert.deepEqual(logged.messages("lease.visibility_lost"), [
      "message may be delivered again (receipt expired); its step goes on under the ledger's lease",
    ]);
    await clock.advance(10 * minute);
    assert.equal(lease.lost.aborted, false);
    const last = queue.extended.at(-1)?.extensions.map(({ receipt }) => receipt);
    assert.deepEqual(last, ["m2#1"]);
  });

  test("visibility is given up 12 hours after the receive at the latest; the claim lives on", async (t) => {
    const { clock, queue, logged, receiveAndClaim } = bench(t);
    await clock.advance(minute);
    const { lease, hold } = await receiveAndClaim("m1");
    await clock.advance(11 * hour + 58 * minute);
    assert.equal(lease.visibilityLost.aborted, false);
    await clock.advance(2 * minute);
    assert.equal(lease.visibilityLost.aborted, true);
    assert.match(logged.messages("lease.visibility_lost")[0] ?? "", /12 h cap/);
    for (const { atMs, extensions } of queue.extended) {
      const until = atMs + (extensions[0]?.visibilityMs ?? 0);
      assert.ok(until <= minute + 12 * hour - minute, `prolonged until ${until}`);
    }
    const extensions = queue.extended.length;
    await clock.advance(hour);
    assert.equal(queue.extended.length, extensions);
    assert.equal(lease.lost.aborted, false);
    assert.equal(lease.endsAtMs() !== null && hold.fence, 1);
  });
});

function instants(queue: { readonly extended: readonly { readonly atMs: number }[] }): readonly number[] {
  return queue.extended.map(({ atMs }) => atMs);
}
