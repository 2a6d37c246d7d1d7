// A message for what its run has not sent: it is buried, and its row is left to the message that is
// to come.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crashes, isNotOpen, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, leaseMs } from "./setup.ts";

const early = message("m1", { body: bodyFor("load", { retry_count: 1, tags: { forged: "yes" } }) });
const genuine = message("m2", { body: bodyFor("load", { retry_count: 1 }) });
const unreadable = message("m3", { body: bodyFor("load", { retry_count: 1, tags: "none" }) });
const attempt1 = { key: "run-1:load:1", step: { runId: "run-1", stepKey: "load", attempt: 1 } };

describe("a message whose attempt is not open", () => {
  test("a message whose attempt is not open is buried at no start, and takes nothing from the message to come", async (t) => {
    const { runner, deliver, deeds, ledger, queue } = bench(t);
    runner.scripts.set("load", isNotOpen);
    assert.equal(await deliver(early), "buried");
    assert.deepEqual(deeds().slice(-4), [
      "abandon run-1:load:1 start given back",
      "bury m1 not_open",
      "notice run-1:load error",
      "ack m1#1",
    ]);
    const row = await ledger.find("run-1:load:1");
    assert.deepEqual([row?.state, row?.starts, row?.payloadDigest], ["pending", 0, ""]);
    runner.scripts.set("load", succeeds);
    assert.equal(await deliver(genuine), "acked");
    assert.deepEqual([queue.buried.length, (await ledger.find("run-1:load:1"))?.state], [1, "completed"]);
  });

  test("a message whose attempt is not open is buried only after the ledger took its body from the row", async (t) => {
    const { deliver, ledger, queue, runner } = bench(t);
    runner.scripts.set("load", isNotOpen);
    ledger.down.add("abandon");
    assert.equal(await deliver(early), "released");
    assert.deepEqual(queue.buried, []);
    assert.notEqual((await ledger.find("run-1:load:1"))?.payloadDigest, "");
  });

  test("a message whose attempt is not open goes back when another worker has claimed its row meanwhile", async (t) => {
    const { clock, runner, begin, finish, ledger, queue } = bench(t);
    runner.scripts.set("load", isNotOpen);
    ledger.before = async (method) => {
      if (method !== "abandon") return;
      ledger.before = async () => undefined;
      ledger.down.add("renew");
      await clock.advance(leaseMs);
      ledger.down.delete("renew");
      const { id: messageId } = unreadable;
      await ledger.claim({ ...attempt1, payloadDigest: "", owner: "worker-b", leaseMs, messageId, receivedAtMs: 0 });
    };
    assert.equal(await finish(begin(early)), "released");
    assert.deepEqual(queue.buried, []);
  });

  test("a message whose attempt is not open leaves its row to the next body though its worker died", async (t) => {
    const { clock, runner, deliver, ledger } = bench(t);
    const { id: messageId } = early;
    const claim = { ...attempt1, payloadDigest: "early" };
    await ledger.claim({ ...claim, owner: "dead", leaseMs: 1_000, messageId, receivedAtMs: 0 });
    await clock.advance(1_000);
    assert.equal(await deliver(genuine), "acked");
    assert.equal(runner.orders.length, 1);
  });

  test("a message whose attempt is not open is not reported, though its start budget is used up", async (t) => {
    const { clock, runner, deliver, queue } = bench(t);
    runner.scripts.set("load", crashes);
    for (const receiveCount of [1, 2]) {
      await deliver({ ...early, receiveCount, receipt: `m1#${receiveCount}` });
      await clock.advance(300_000);
    }
    runner.onReport = isNotOpen;
    assert.equal(await deliver({ ...early, receiveCount: 3, receipt: "m1#3" }), "buried");
    assert.deepEqual(
      queue.buried.map(({ reason }) => reason.reason),
      ["not_open"],
    );
  });
});
