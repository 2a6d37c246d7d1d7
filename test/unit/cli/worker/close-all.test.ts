// What a worker has open is closed at its end, whatever one of them does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { closeAll } from "../../../../cli/worker/close-all.ts";
import { Observations } from "../../../support/observations.ts";

test("a ledger that refuses to close is logged, and everything else is closed", async () => {
  const logged = new Observations();
  const first = Promise.withResolvers<void>();
  const closed: string[] = [];
  const runner = {
    close: async () => {
      await first.promise;
      closed.push("runner");
    },
  };
  const ledger = { close: () => Promise.reject(new Error("the disk is gone")) };
  const queue = {
    close: async () => {
      closed.push("queue");
      // Long after the ledger has refused.
      setImmediate(first.resolve);
    },
  };
  await closeAll({ runner, ledger, queue, control: null }, logged.observe);
  assert.deepEqual(closed, ["queue", "runner"]);
  assert.deepEqual(logged.messages("worker.close_failed"), ["could not close the ledger: the disk is gone"]);
});
