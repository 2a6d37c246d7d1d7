// Counts in sentences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { counted } from "../../../core/formats/counted.ts";

test("a count of one is singular, and zero and many are plural", () => {
  assert.deepEqual(
    [0, 1, 2, 1_000].map((count) => counted(count, "step")),
    ["0 steps", "1 step", "2 steps", "1000 steps"],
  );
  assert.equal(counted(2, "entry", "entries"), "2 entries");
});
