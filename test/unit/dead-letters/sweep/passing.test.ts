// When a pass is under way. A drain must know, because a dead letter may be on its way to Dagster
// then.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../../core/faults.ts";
import { crashes } from "../../../support/ports/scripted-steps.ts";
import { bench, intervalMs } from "./setup.ts";

test("a pass is under way until its last dead letter has met its end", async (t) => {
  const { moved, start, clock, runner, passes } = bench(t);
  const gate = Promise.withResolvers<void>();
  runner.onReport = async (step) => {
    await gate.promise;
    return await crashes(step);
  };
  await moved();
  start();
  await clock.advance(intervalMs);
  assert.deepEqual(passes, [true]);
  gate.resolve();
  await clock.advance(intervalMs);
  assert.deepEqual(passes, [true, false]);
});

test("a pass that breaks off is over, too", async (t) => {
  const { moved, start, clock, queue, passes, logged } = bench(t);
  await moved();
  const denied = new Fault("TQ_QUEUE", "ReceiveMessage: broken");
  start("worker-a", async () => {
    const letters = await queue.deadLetters();
    return letters === null ? null : { ...letters, receive: () => Promise.reject(denied) };
  });
  await clock.advance(intervalMs);
  assert.deepEqual(passes, [true, false]);
  assert.match(logged.messages("sweep.failed")[0] ?? "", /ReceiveMessage: broken$/);
});

test("an empty dead letter queue gets no pass", async (t) => {
  const { start, clock, passes, asked } = bench(t);
  start();
  await clock.advance(5 * intervalMs);
  assert.ok(asked.depth > 0);
  assert.deepEqual(passes, []);
});
