import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readArguments } from "../../../dev/chaos/arguments.ts";

describe("the arguments of npm run chaos", () => {
  test("npm run chaos needs no arguments", () => {
    const plan = { seed: 41, workers: 3, fifo: true, database: "sqlite", until: { is: "steps", number: 300 } };
    assert.deepEqual(readArguments([], 41), { kind: "plan", plan });
  });

  test("the arguments of npm run chaos set amounts, counts and the seed", () => {
    const args = ["--seed", "7", "--minutes", "30", "--workers", "5", "--queue", "standard", "--database", "postgres"];
    const plan = { seed: 7, workers: 5, fifo: false, database: "postgres", until: { is: "minutes", number: 30 } };
    assert.deepEqual(readArguments(args, 41), { kind: "plan", plan });
  });

  const wrong: readonly (readonly [args: readonly string[], complaint: string])[] = [
    [["--seed", "x"], '--seed: expected a whole number, 0 or more, got "x"'],
    [["--workers", "2"], '--workers: expected a whole number, 3 or more, got "2"'],
    [["--steps", "1e3"], '--steps: expected a whole number, 1 or more, got "1e3"'],
    [["--queue", "lifo"], '--queue: expected fifo or standard, got "lifo"'],
    [["--database", "mysql"], '--database: expected sqlite or postgres, got "mysql"'],
    [["--steps", "5", "--minutes", "5"], "expected --steps or --minutes, got both"],
    [["--hours", "5"], "Unknown option '--hours'"],
  ];
  for (const [args, complaint] of wrong) {
    test(`npm run chaos refuses ${args.join(" ")}`, () => {
      const answer = readArguments(args, 41);
      assert.equal(answer.kind === "wrong" && answer.message.startsWith(complaint), true, JSON.stringify(answer));
      assert.match(answer.kind === "wrong" ? answer.message : "", /\nnpm run chaos -- \[--seed N\]/);
    });
  }
});
