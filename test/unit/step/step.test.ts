// A step's identity, and which ledger state its end is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExecutionState, idempotencyKey, settledState } from "../../../core/step/step.ts";

test("the first attempt's key has no suffix, later ones do", () => {
  const step = { runId: "run-1", stepKey: "scale[a].load" };
  assert.equal(idempotencyKey({ ...step, attempt: 0 }), "run-1:scale[a].load");
  assert.equal(idempotencyKey({ ...step, attempt: 2 }), "run-1:scale[a].load:2");
});

const ends: Readonly<Record<ExecutionState, "completed" | "failed" | "dead">> = {
  success: "completed",
  run_over: "completed",
  failure: "failed",
  up_for_retry: "failed",
  resource_init_failure: "failed",
  reported: "dead",
  parked: "dead",
  malformed: "dead",
};

for (const [state, expected] of Object.entries(ends) as [ExecutionState, string][]) {
  test(`a step with the state ${state} is ${expected}`, () => {
    const times = { started_at: 1, completed_at: 2, execution_time_seconds: 1 };
    assert.equal(settledState({ state, output: null, error: null, ...times }), expected);
  });
}
