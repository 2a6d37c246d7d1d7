// A message for which the ledger cannot hold a row: it is buried, its step is not run, and the
// ledger is well.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { bench } from "./setup.ts";

test("a message that the ledger takes no row for is buried as malformed, and nothing runs", async (t) => {
  const { deliver, deeds, ledger, runner, queue, logged } = bench(t);
  ledger.before = async () => {
    throw new Fault("TQ_LEDGER_REFUSED", "ledger: it cannot hold the values to be written");
  };
  assert.equal(await deliver(), "buried");
  const detail = "ledger: it cannot hold the values to be written";
  assert.deepEqual(logged.messages("ledger.row_refused"), [
    `the ledger takes no row for this message, so nothing is run: ${detail}`,
  ]);
  assert.deepEqual(logged.messages("ledger.unreachable"), []);
  assert.deepEqual(
    queue.buried.map(({ reason }) => [reason.reason, reason.detail]),
    [["malformed", detail]],
  );
  assert.deepEqual(deeds(), ["bury m1 malformed", "notice run-1:load error", "ack m1#1"]);
  assert.deepEqual(runner.log("run-1:load"), []);
});
