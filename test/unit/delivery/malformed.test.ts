// Bodies that are not an envelope: never run, never lost.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runIsOver } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const readable = bodyFor("load", { tags: "none" });

describe("a malformed body", () => {
  test("a malformed body that names no step is buried whole, then deleted", async (t) => {
    const { deliver, deeds, queue } = bench(t);
    const received = message("m1", { body: "{}" });
    assert.equal(await deliver(received), "buried");
    assert.deepEqual(deeds(), ["bury m1 malformed", "ack m1#1"]);
    const [buried, ...others] = queue.buried;
    assert.deepEqual([buried?.message, others], [received, []]);
    assert.deepEqual(buried?.reason, {
      reason: "malformed",
      detail: 'run_id: Invalid key: Expected "run_id" but received undefined',
      errorClass: null,
      fingerprint: null,
      starts: 0,
      worker: "worker-a",
    });
  });

  test("a malformed body gets one copy, however often it comes back because it cannot be deleted", async (t) => {
    const { deliver, deeds, queue } = bench(t);
    queue.onAck = async () => Promise.reject(new Error("access denied"));
    const receive = async (receiveCount: number) =>
      deliver(message("m1", { body: "{}", receiveCount, receipt: `m1#${receiveCount}` }));
    assert.deepEqual([await receive(1), await receive(2)], ["buried", "buried"]);
    assert.deepEqual(deeds(), ["bury m1 malformed", "ack m1#1", "ack m1#2"]);
  });

  test("a malformed body that names its step is reported first, because no other message would end that step", async (t) => {
    const { deliver, deeds, runner, ledger } = bench(t);
    assert.equal(await deliver(message("m1", { body: readable })), "buried");
    assert.deepEqual(deeds(), [
      "claim run-1:load",
      "report run-1:load malformed",
      "permit run-1:load",
      "event run-1:load STEP_FAILURE",
      "settle run-1:load reported",
      "bury m1 malformed",
      "notice run-1:load error",
      "ack m1#1",
    ]);
    assert.deepEqual([runner.orders, runner.reports[0]?.retryIn], [[], null]);
    assert.equal((await ledger.find("run-1:load"))?.state, "dead");
  });

  test("a malformed body of a run that is over or unknown is buried all the same", async (t) => {
    const { deliver, runner, queue, ledger } = bench(t);
    runner.onReport = runIsOver;
    assert.equal(await deliver(message("m1", { body: readable })), "buried");
    assert.equal(queue.buried.length, 1);
    assert.equal((await ledger.find("run-1:load"))?.state, "completed");
  });

  test("a malformed body of a step that succeeded long ago is buried, and the outcome stands", async (t) => {
    const { deliver, runner, ledger } = bench(t);
    await deliver(message("m1"));
    assert.equal(await deliver(message("m2", { body: readable })), "buried");
    assert.deepEqual(runner.reports, []);
    assert.equal((await ledger.find("run-1:load"))?.outcome?.state, "success");
  });

  test("a malformed body that cannot be buried comes back soon", async (t) => {
    const { deliver, queue, deeds } = bench(t);
    queue.onBury = async () => Promise.reject(new Error("access denied"));
    assert.equal(await deliver(message("m1", { body: "not JSON" })), "released");
    assert.deepEqual(deeds(), ["bury m1 malformed", "extend m1#1 5000"]);
  });
});

test("an envelope of a later version waits for a worker that knows it", async (t) => {
  const { deliver, deeds, logged } = bench(t);
  assert.equal(await deliver(message("m1", { body: bodyFor("load", { version: 2 }) })), "released");
  assert.deepEqual(deeds(), ["extend m1#1 300000"]);
  assert.deepEqual(logged.messages("delivery.unknown_version"), [
    "envelope version 2 is not known to this worker; left for a newer one",
  ]);
});
