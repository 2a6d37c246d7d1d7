// Asking a step host where attempts stand: so many at a time, and no answer is taken for more than
// it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../../core/runner/frames.ts";
import { lookAtAll } from "../../../core/runner/looking.ts";
import type { WorkEnd } from "../../../core/runner/work.ts";

const exited: WorkEnd = { how: "exited", code: 0, signal: null, killed: null };
const attempts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ runId: "r", stepKey: `s${i}`, attempt: 0 }));
const answer = (count: number): Outcome => ({
  kind: "looked",
  standings: Array.from({ length: count }, () => ({ run: null, ended: null, began: false })),
  instance: null,
});

test("more attempts than a frame should hold are asked for in several frames", async () => {
  const asked: number[] = [];
  const looked = await lookAtAll(attempts(2_001), async (some) => {
    asked.push(some.length);
    return { work: { pid: 1, outcome: answer(some.length) }, end: exited, late: false };
  });
  assert.deepEqual(asked, [1_000, 1_000, 1]);
  assert.equal(looked.kind === "looked" && looked.standings.length, 2_001);
});

test("an answer about fewer attempts is refused, and ends the asking", async () => {
  let asked = 0;
  const looked = await lookAtAll(attempts(2_001), async (some) => {
    asked += 1;
    return { work: { pid: 1, outcome: answer(some.length - 1) }, end: exited, late: false };
  });
  assert.equal(asked, 1);
  if (looked.kind !== "failed") assert.fail("it was taken for an answer");
  assert.equal(looked.failure.error.message, "the step host answered for 999 attempts, and was asked for 1000");
});
