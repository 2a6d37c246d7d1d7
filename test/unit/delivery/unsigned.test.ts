// A worker with a key: what is not signed is buried before the ledger or Dagster hears of it, and
// ends no step.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signedMessage } from "../../../core/delivery/signature.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const key = "0123456789abcdef".repeat(2);
const keys = { envelopeKeys: [key] };

describe("a worker with a key", () => {
  for (const [title, body] of [
    ["a step", bodyFor("load")],
    ["a malformed body that names its step", bodyFor("load", { tags: "none" })],
    ["a body that is not JSON", "{"],
    ["a newer version", bodyFor("load", { version: 2 })],
    ["a step of another instance", bodyFor("load", { instance: "b" })],
  ] as const) {
    test(`a worker with a key buries ${title} without a signature, and claims, reports and notes nothing`, async (t) => {
      const { deliver, deeds, queue, runner } = bench(t, {}, keys);
      runner.identity = "a";
      assert.equal(await deliver(message("m1", { body })), "buried");
      assert.deepEqual(deeds(), ["bury m1 unsigned", "ack m1#1"]);
      assert.match(queue.buried[0]?.reason.detail ?? "", /^it has no attribute taskiq-signature\./);
    });
  }

  test("a worker with a key runs signed messages", async (t) => {
    const { deliver, runner } = bench(t, {}, keys);
    const body = bodyFor("load");
    assert.equal(await deliver(signedMessage(message("m1", { body }), body, key)), "acked");
    assert.deepEqual(runner.log("run-1:load"), ["STEP_START", "STEP_SUCCESS"]);
  });
});

test("a worker without a key runs signed messages", async (t) => {
  const { deliver } = bench(t);
  const body = bodyFor("load");
  assert.equal(await deliver(signedMessage(message("m1", { body }), body, key)), "acked");
});
