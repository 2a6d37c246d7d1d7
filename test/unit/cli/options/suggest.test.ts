// Did you mean …
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { didYouMean, editDistance, nearest } from "../../../../cli/options/suggest.ts";

describe("how far words are apart", () => {
  const rows: readonly [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["run", "run", 0],
    ["rnu", "run", 1],
    ["grase", "grace", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of rows)
    test(`the edit distance of "${a}" and "${b}" is ${distance}`, () => assert.equal(editDistance(a, b), distance));
});

describe("which name was meant", () => {
  const flags = ["--queue-url", "--queue-name", "--concurrency", "--grace", "--health-port", "--health-host"];
  const rows: readonly [string, readonly string[], string | null][] = [
    ["--concurency", flags, "--concurrency"],
    ["--worker-concurrency", flags, "--concurrency"],
    ["--queueurl", flags, "--queue-url"],
    ["--GRACE", flags, "--grace"],
    ["-grace", flags, "--grace"],
    ["--health-prot", flags, "--health-port"],
    ["--port", flags, "--health-port"],
    ["--conc", flags, "--concurrency"],
    ["--frobnicate", flags, null],
    ["--x", flags, null],
    ["rnu", ["run", "healthcheck"], "run"],
    ["health", ["run", "healthcheck"], "healthcheck"],
    ["he", ["run", "healthcheck"], null],
    ["TASKIQ_CONCURENCY", ["TASKIQ_WORKER_CONCURRENCY", "TASKIQ_GRACE"], "TASKIQ_WORKER_CONCURRENCY"],
    ["TASKIQ_FOO", ["TASKIQ_WORKER_CONCURRENCY", "TASKIQ_GRACE"], null],
    ["anything", [], null],
  ];
  for (const [word, names, meant] of rows)
    test(`${meant ?? "no name"} is suggested for ${word} among ${names.length} names`, () =>
      assert.equal(nearest(word, names), meant));
});

test("a suggestion is empty when no name is near", () => {
  assert.equal(didYouMean("rnu", ["run"]), ", did you mean run?");
  assert.equal(didYouMean("xyzzy", ["run"]), "");
});
