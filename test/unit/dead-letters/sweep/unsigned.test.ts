// What SQS moved to the dead letter queue, without a signature: the sweep believes nothing that it
// says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bench, intervalMs } from "./setup.ts";

const key = "run-1:load";

test("the sweep of a worker with a key ends no step for an unsigned message, and notes why it lies there", async (t) => {
  const { moved, start, clock, runner, letters, rowOf } = bench(t, { envelopeKeys: ["0123456789abcdef".repeat(2)] });
  await moved();
  start();
  await clock.advance(intervalMs);
  assert.deepEqual([runner.log(key), runner.notices, await rowOf()], [[], [], null]);
  assert.deepEqual(
    letters().map(({ reason }) => reason),
    ["unsigned"],
  );
});
