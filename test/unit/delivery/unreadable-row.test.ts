// A row of the ledger that cannot be read affects one delivery, whose step does not run. The ledger
// is well, and other deliveries go on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const fault = new Fault("TQ_LEDGER_ROW", 'ledger, table t, row "run-1:load", column state: expected one of them', {
  hint: "mend it",
});

test("a step whose row cannot be read does not run, comes back in five minutes, and the run's log says why", async (t) => {
  const { deliver, deeds, ledger, runner, queue, logged } = bench(t);
  ledger.before = async (method) => {
    if (method === "claim") throw fault;
  };
  assert.equal(await deliver(), "released");
  const said = `the ledger's row cannot be read, so nothing is run: ${fault.message}`;
  assert.deepEqual(logged.messages("ledger.row_unreadable"), [said]);
  assert.deepEqual(logged.messages("ledger.unreachable"), []);
  assert.deepEqual(deeds(), ["notice run-1:load error", "extend m1#1 300000"]);
  assert.deepEqual([runner.log("run-1:load"), queue.acked, queue.buried], [[], [], []]);
});

test("the redelivery runs the step once its row is mended", async (t) => {
  const { deliver, ledger, runner } = bench(t);
  ledger.before = async () => {
    throw fault;
  };
  await deliver();
  ledger.before = async () => undefined;
  assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
  assert.deepEqual(runner.log("run-1:load"), ["STEP_START", "STEP_SUCCESS"]);
});
