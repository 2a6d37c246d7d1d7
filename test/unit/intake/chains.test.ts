// Messages of one FIFO group: in order, one at a time, and given back together.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fifoMessage, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const group = (name: string, ...ids: readonly string[]) => ids.map((id) => fifoMessage(id, name));

describe("a FIFO group", () => {
  test("a FIFO group is worked in order, one after the other, in one slot", async (t) => {
    const { clock, queue, begun, end, slots, lane } = bench(t);
    queue.offer(...group("oslo", "a1", "a2", "a3"));
    await clock.advance(0);
    assert.deepEqual([begun, slots.busy - lane.slotsInPoll], [["a1"], 1]);
    await end("a1");
    assert.deepEqual(begun, ["a1", "a2"]);
    await end("a2", "buried");
    assert.deepEqual(begun, ["a1", "a2", "a3"]);
    await end("a3");
    assert.deepEqual(lane.ended, { acked: 2, buried: 1, released: 0, lost: 0 });
  });

  test("a FIFO group does not wait for another group", async (t) => {
    const { clock, queue, begun } = bench(t);
    queue.offer(...group("oslo", "a1", "a2"), ...group("bergen", "b1"), message("m1"));
    await clock.advance(0);
    assert.deepEqual(begun, ["a1", "b1", "m1"]);
  });

  for (const disposition of ["released", "lost"] as const) {
    test(`a FIFO group gives back its tail when one is ${disposition}: nothing may overtake it`, async (t) => {
      const { clock, queue, begun, end, journal, logged, lane } = bench(t);
      queue.offer(...group("oslo", "a1", "a2", "a3"));
      await clock.advance(0);
      await end("a1", disposition);
      assert.deepEqual(begun, ["a1"]);
      assert.deepEqual(journal, ["extend a2#1 0", "extend a3#1 0"]);
      assert.deepEqual(logged.messages("delivery.given_back"), [
        "message given back without a start",
        "message given back without a start",
      ]);
      assert.deepEqual(lane.ended, { acked: 0, buried: 0, released: 2, lost: 0, ...count(disposition) });
    });
  }

  test("a group received on a standard queue is a tenant, not an order", async (t) => {
    const { clock, queue, begun } = bench(t);
    queue.offer(...["m1", "m2"].map((id) => message(id, { groupId: "tenant" })));
    await clock.advance(0);
    assert.deepEqual(begun, ["m1", "m2"]);
  });

  test("a FIFO group gives each of its deliveries the time of the receive, not of its turn", async (t) => {
    const { clock, queue, end, underWay } = bench(t);
    const startMs = clock.wallMs();
    queue.offer(...group("oslo", "a1", "a2"));
    await clock.advance(90_000);
    await end("a1");
    assert.equal(underWay.get("a2")?.received.receivedAtMs, startMs);
  });

  test("a FIFO group stops where it is when the worker stops, and its tail is given back", async (t) => {
    const { clock, queue, begun, quiet, end, journal, isOver } = bench(t);
    queue.offer(...group("oslo", "a1", "a2"));
    await clock.advance(0);
    quiet.stop();
    await end("a1");
    await clock.advance(20_000);
    assert.deepEqual([begun, journal, isOver()], [["a1"], ["extend a2#1 0"], true]);
  });
});

describe("giving back", () => {
  for (const [what, answer, why] of [
    ["refused", async () => ["failed" as const], "failed"],
    ["too late", async () => ["gone" as const], "gone"],
    ["unanswered", async () => Promise.reject(new Error("connect ETIMEDOUT")), "connect ETIMEDOUT"],
  ] as const) {
    test(`a release that is ${what} is logged, and the message comes back when its visibility ends`, async (t) => {
      const { clock, queue, end, logged } = bench(t);
      queue.onExtend = answer;
      queue.offer(...group("oslo", "a1", "a2"));
      await clock.advance(0);
      await end("a1", "released");
      assert.deepEqual(logged.messages("delivery.give_back_failed"), [
        `could not give the message back; SQS shows it again when its visibility ends: ${why}`,
      ]);
      assert.deepEqual(logged.of("delivery.given_back"), []);
    });
  }
});

describe("a bug of ours in one delivery", () => {
  test("a bug of ours in one delivery stops neither the worker nor the other deliveries", async (t) => {
    const { clock, queue, begun, end, logged, slots, lane } = bench(t, { slots: 2 });
    queue.offer(message("m1"), message("m2"), message("m3"));
    await clock.advance(0);
    await end("m1", new Error("no transition from acking on granted"));
    assert.deepEqual(begun, ["m1", "m2", "m3"]);
    assert.match(logged.messages("delivery.bug")[0] ?? "", /^bug in taskiq, please report it: Error: no transition/);
    assert.deepEqual([lane.ended.lost, slots.busy], [1, 2]);
  });

  test("a bug of ours in one delivery gives back the messages behind it in its group", async (t) => {
    const { clock, queue, end, journal } = bench(t);
    queue.offer(...group("oslo", "a1", "a2"));
    await clock.advance(0);
    await end("a1", new Error("oops"));
    assert.deepEqual(journal, ["extend a2#1 0"]);
  });
});

function count(disposition: "released" | "lost") {
  return disposition === "released" ? { released: 3 } : { lost: 1 };
}
