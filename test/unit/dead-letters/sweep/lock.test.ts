// Who sweeps: one worker for each queue, for as long as it lives and not much longer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelQueue } from "../../../support/ports/model-queue.ts";
import { blocks } from "../../../support/ports/scripted-steps.ts";
import { bench, intervalMs } from "./setup.ts";

test("another worker takes over the sweep of a killed one within two intervals and two minutes", async (t) => {
  const { moved, start, clock, runner, letters } = bench(t);
  await moved("load");
  // As if dead in the middle of a pass: its lock is neither renewed nor given back.
  runner.onReport = blocks;
  start("worker-a");
  await clock.advance(intervalMs / 2 + 10_000);
  runner.onReport = null;
  await moved("other");
  await clock.advance(30_000);
  start("worker-b");
  const reasonOf = (step: string) => letters().find((letter) => letter.step === step)?.reason;
  await clock.advance(2 * intervalMs + 120_000 - 40_000);
  assert.deepEqual([reasonOf("other"), reasonOf("load")], ["moved_by_sqs", null]);
});

test("the sweep of one queue is not held up by the sweep of another that has the same dead letter queue", async (t) => {
  const { moved, start, clock, queue, runner, theirs, deadLetters, letters } = bench(t);
  await moved("load");
  start("worker-a");
  await clock.advance(intervalMs / 2);
  await moved("other", undefined, "g-other", theirs);
  const others = new ModelQueue({ source: theirs, deadLetters, clock });
  start("worker-b", () => others.deadLetters());
  await clock.advance(intervalMs);
  assert.deepEqual(
    letters()
      .map(({ step, reason }) => [step, reason])
      .sort(),
    [
      ["load", "moved_by_sqs"],
      ["other", "moved_by_sqs"],
    ],
  );
  assert.equal((await queue.deadLetters())?.sourceUrl === (await others.deadLetters())?.sourceUrl, false);
  assert.equal(runner.reports.length, 2);
});

test("the sweep stays with one worker from turn to turn, because each look costs receives", async (t) => {
  const { moved, start, clock, logged } = bench(t);
  await moved("load");
  start("worker-a");
  await clock.advance(35_000);
  assert.equal(logged.of("sweep.done").length, 1);
  // Its turns come more than half an interval after those of the other, and it has not looked yet.
  start("worker-b");
  await clock.advance(5 * intervalMs);
  assert.equal(logged.of("sweep.done").length, 1);
});
