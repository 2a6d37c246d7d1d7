import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSizing, resolveSizing } from "../src/settings.ts";

test("an argument that is left out, or undefined, has its default", () => {
  const given = { concurrency: 8, maxTasks: undefined } as unknown as Parameters<typeof resolveSizing>[0];
  assert.deepEqual(resolveSizing(given), { ...defaultSizing, concurrency: 8 });
});

test("every invalid number is named, with the expectation and the value", () => {
  const given = { concurrency: 0, stopTimeoutSeconds: 300, minTasks: 5, maxTasks: 2, maxReceiveCount: 6 };
  assert.throws(() => resolveSizing(given), {
    message:
      "taskiq: concurrency must be a whole number from 1 to 256, got 0; " +
      "stopTimeoutSeconds must be a whole number from 10 to 120, got 300; " +
      "minTasks must not be above maxTasks (2), got 5; " +
      "maxReceiveCount must be above twice maxStarts (3), got 6",
  });
});
