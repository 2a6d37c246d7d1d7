// Two different bodies under one idempotency key. The sender of the first waits for its attempt,
// and the second is never run.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { payloadDigest } from "../../../core/delivery/digest.ts";
import { decode } from "../../../core/step/envelope.ts";
import { crashes, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const first = message("m1");
const other = message("m2", { body: bodyFor("load", { op_name: "unload" }) });
const unreadable = message("m3", { body: bodyFor("load", { tags: "none" }) });

describe("another body under the key of an attempt that is open", () => {
  test("another body under an open attempt's key is buried with its reason, and the attempt is unchanged", async (t) => {
    const { clock, runner, deliver, deeds, journal, ledger, queue } = bench(t);
    runner.scripts.set("load", crashes);
    await deliver(first);
    const before = await ledger.find("run-1:load");
    journal.length = 0;
    assert.equal(await deliver(other), "buried");
    assert.deepEqual(deeds(), [
      "claim run-1:load",
      "abandon run-1:load start given back",
      "bury m2 payload_mismatch",
      "notice run-1:load error",
      "ack m2#1",
    ]);
    const row = await ledger.find("run-1:load");
    assert.deepEqual([row?.state, row?.starts, row?.payloadDigest], ["pending", 1, before?.payloadDigest]);
    assert.equal(queue.buried[0]?.reason.detail, "another body was claimed under this idempotency key before");

    runner.scripts.set("load", succeeds);
    await clock.advance(1_000);
    assert.equal(await deliver({ ...first, receiveCount: 2, receipt: "m1#2" }), "acked");
    assert.equal((await ledger.find("run-1:load"))?.state, "completed");
    assert.equal(runner.orders.at(-1)?.envelope.opName, "load");
  });

  test("another body never gets the row, though a worker died between its claim and the answer", async (t) => {
    const { clock, runner, deliver, ledger, queue } = bench(t);
    runner.scripts.set("load", crashes);
    await deliver(first);
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    const dies = { key: "run-1:load", step, owner: "dead", leaseMs: 1_000, messageId: "m2", receivedAtMs: 0 };
    await ledger.claim({ ...dies, payloadDigest: digestOf(other.body) });
    await clock.advance(1_000);
    assert.equal(await deliver(other), "buried");
    runner.scripts.set("load", succeeds);
    assert.equal(await deliver({ ...first, receiveCount: 2, receipt: "m1#2" }), "acked");
    assert.deepEqual([queue.buried.length, runner.orders.at(-1)?.envelope.opName], [1, "load"]);
  });

  test("another body that cannot be read is buried without a report", async (t) => {
    const { runner, deliver, queue, ledger } = bench(t);
    runner.scripts.set("load", crashes);
    await deliver(first);
    assert.equal(await deliver(unreadable), "buried");
    assert.deepEqual([queue.buried[0]?.reason.reason, runner.reports], ["malformed", []]);
    assert.equal((await ledger.find("run-1:load"))?.state, "pending");
  });

  test("another body that cannot be buried comes back soon, and costs the attempt nothing", async (t) => {
    const { runner, deliver, deeds, queue, ledger } = bench(t);
    runner.scripts.set("load", crashes);
    await deliver(first);
    queue.onBury = async () => Promise.reject(new Error("access denied"));
    assert.equal(await deliver(other), "released");
    assert.deepEqual([deeds().at(-1), (await ledger.find("run-1:load"))?.starts], ["extend m2#1 5000", 1]);
  });
});

test("the same body sent again, at another time and with another delay, is the same body", async (t) => {
  const { runner, deliver, queue } = bench(t);
  runner.scripts.set("load", crashes);
  await deliver(message("m1", { body: bodyFor("load", { on_fault: { retry_in: 1 }, enqueued_at: 1 }) }));
  runner.scripts.set("load", succeeds);
  const again = message("m2", { body: bodyFor("load", { on_fault: { retry_in: 2 }, enqueued_at: 2 }) });
  assert.equal(await deliver(again), "acked");
  assert.deepEqual([queue.buried, runner.orders.length], [[], 2]);
});

test("a step runs although a malformed body made its row, because that row has no digest", async (t) => {
  const { clock, runner, deliver, queue } = bench(t);
  runner.onReport = crashes;
  assert.equal(await deliver(unreadable), "released");
  await clock.advance(1_000);
  assert.equal(await deliver(first), "acked");
  assert.deepEqual([queue.buried, runner.orders.length], [[], 1]);
});

function digestOf(body: string): string {
  const decoded = decode(body);
  assert.ok(decoded.kind === "step");
  return payloadDigest(decoded.envelope);
}
