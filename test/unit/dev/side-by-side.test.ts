// `npm test`: which stages run at the same time, and which not at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSideBySide, type Startable } from "../../../dev/test/side-by-side.ts";
import type { Result } from "../../../dev/test/summary.ts";

/** Stages that run until they are ended by hand. */
function scripted(stages: readonly Startable[], atATime: number) {
  const begun: string[] = [];
  const ends = new Map<string, (result: Result) => void>();
  const stopping = new AbortController();
  const run = ({ name }: Startable) => {
    begun.push(name);
    return new Promise<Result>((resolve) => ends.set(name, resolve));
  };
  const results = runSideBySide(stages, atATime, run, stopping.signal);
  const end = async (name: string, passed = true) => {
    ends.get(name)?.({ stage: name, ms: 1, passed, tests: null, detail: "" });
    await new Promise(setImmediate);
  };
  return { begun, end, results, stop: () => stopping.abort() };
}

const stage = (name: string, ...needs: string[]): Startable => ({ name, needs });

const outcomes = (results: readonly Result[]) =>
  results.map(({ stage, ms, passed, detail }) => [stage, ms !== null, passed, detail]);

test("as many stages as allowed run at once, in order, and the next when one ends", async () => {
  const { begun, end, results } = scripted([stage("a"), stage("b"), stage("c"), stage("d")], 2);
  assert.deepEqual(begun, ["a", "b"]);
  await end("b");
  assert.deepEqual(begun, ["a", "b", "c"]);
  await end("a");
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
  await end("d");
  await end("c");
  assert.deepEqual(
    (await results).map(({ stage }) => stage),
    ["a", "b", "c", "d"],
    "the results are in the order of the stages, not of their ends",
  );
});

test("a stage waits for what it needs, and lets another go first", async () => {
  const { begun, end, results } = scripted([stage("build"), stage("unit", "build"), stage("contract")], 2);
  assert.deepEqual(begun, ["build", "contract"]);
  await end("contract");
  assert.deepEqual(begun, ["build", "contract"]);
  await end("build");
  assert.deepEqual(begun, ["build", "contract", "unit"]);
  await end("unit");
  await results;
});

test("a stage that needs a failed or skipped stage is not run; the other stages run", async () => {
  const { begun, end, results } = scripted(
    [stage("build"), stage("e2e", "build"), stage("more", "e2e"), stage("x")],
    1,
  );
  await end("build", false);
  await end("x");
  assert.deepEqual(begun, ["build", "x"]);
  assert.deepEqual(outcomes(await results), [
    ["build", true, false, ""],
    ["e2e", false, false, "build failed"],
    ["more", false, false, "e2e failed"],
    ["x", true, true, ""],
  ]);
});

test("a need that was not chosen holds nothing up", async () => {
  const { begun, end, results } = scripted([stage("unit", "build")], 2);
  assert.deepEqual(begun, ["unit"]);
  await end("unit");
  assert.deepEqual(outcomes(await results), [["unit", true, true, ""]]);
});

test("a stop begins no more stages and waits for those that run", async () => {
  const { begun, end, results, stop } = scripted([stage("a"), stage("b")], 1);
  stop();
  await end("a", false);
  assert.deepEqual(begun, ["a"]);
  assert.deepEqual(outcomes(await results), [
    ["a", true, false, ""],
    ["b", false, false, "stopped"],
  ]);
});

test("stages that need each other are an error instead of waiting forever", async () => {
  await assert.rejects(scripted([stage("a", "b"), stage("b", "a")], 2).results, {
    message: "stages that need each other: a,b",
  });
});
