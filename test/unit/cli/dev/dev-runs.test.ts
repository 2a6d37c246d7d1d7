// What becomes of runs when `taskiq dev` stops.
import assert from "node:assert/strict";
import { test } from "node:test";
import { endRuns } from "../../../../cli/dev/end-runs.ts";

const never = new AbortController().signal;

/** Time goes by only in sleeps. */
function clock() {
  let nowMs = 0;
  return {
    monoMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
}

/** Each answer of the UI in turn; the last one again and again. */
function ui(...answers: readonly (readonly string[])[]) {
  const left = [...answers];
  const terminated: string[][] = [];
  return {
    terminated,
    runsUnderWay: async () => (left.length > 1 ? left.shift() : left[0]) ?? [],
    terminate: async (runIds: readonly string[]) => void terminated.push([...runIds]),
  };
}

test("a run whose last step has just ended finishes by itself", async () => {
  const runs = ui(["a"], ["a"], []);
  assert.equal(await endRuns(runs, { depth: () => 0 }, never, clock()), 0);
  assert.deepEqual(runs.terminated, []);
});

test("a run that is not over after a while is terminated, and waited for", async () => {
  const runs = ui(["a", "b"]);
  const time = clock();
  assert.equal(await endRuns(runs, { depth: () => 0 }, never, time), 2);
  assert.deepEqual(runs.terminated, [["a", "b"]]);
  assert.equal(time.monoMs(), 11_000);
});

test("runs with steps on the queue are terminated at once", async () => {
  const runs = ui(["a"], []);
  const time = clock();
  assert.equal(await endRuns(runs, { depth: () => 1 }, never, time), 1);
  assert.equal(time.monoMs(), 0);
});
