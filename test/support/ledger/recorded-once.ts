// The promise of the project, as one assertion: each attempt has one terminal event and one settled
// row, and they say the same.
import assert from "node:assert/strict";
import { settledState } from "../../../core/step/step.ts";
import type { Deployment } from "../taskiq/deployment.ts";

/** What a row may say when Dagster's log has this terminal event. */
const outcomesOf: Readonly<Record<string, readonly string[]>> = {
  STEP_SUCCESS: ["success"],
  // The executor writes the failure that follows a resource's; a report is the worker's own doing.
  STEP_FAILURE: ["failure", "resource_init_failure", "reported"],
  STEP_UP_FOR_RETRY: ["up_for_retry", "resource_init_failure", "reported"],
};

/**
 * Waits until the queue is empty, for the delete comes last, and holds the run's log against its
 * rows.
 */
export async function recordedOnce(deployment: Deployment, runId: string): Promise<void> {
  await deployment.queueEmpty();
  const events = await terminalEvents(deployment, runId);
  const rows = await deployment.rows(runId);
  const attempts = rows.map(({ step }) => `${step.stepKey} ${step.attempt}`);
  assert.deepEqual(
    attempts.toSorted(),
    [...events.keys()].toSorted(),
    "attempts with a row, and with a terminal event",
  );
  for (const { step, state, outcome } of rows) {
    const name = `${step.stepKey} ${step.attempt}`;
    const event = events.get(name) ?? "";
    assert.ok(outcome !== null, `${name} is settled, its row is ${state}`);
    assert.ok(
      outcomesOf[event]?.includes(outcome.state),
      `${name}: ${event} in Dagster, ${outcome.state} in the ledger`,
    );
    assert.equal(state, settledState(outcome));
    assert.ok(outcome.completed_at >= outcome.started_at, `${name} did not end before it began`);
    const seconds = outcome.completed_at - outcome.started_at;
    assert.ok(Math.abs(outcome.execution_time_seconds - seconds) < 1e-3, `${name} took ${seconds} s`);
  }
}

/**
 * By step and attempt; terminal events carry no attempt, but each attempt but the last ends in
 * STEP_UP_FOR_RETRY.
 */
async function terminalEvents(deployment: Deployment, runId: string): Promise<ReadonlyMap<string, string>> {
  const events = new Map<string, string>();
  const attempts = new Map<string, number>();
  for (const { step, type } of await deployment.dagster.terminalEvents(runId)) {
    const attempt = attempts.get(step) ?? 0;
    const before = events.get(`${step} ${attempt}`);
    assert.equal(before, undefined, `${step}, attempt ${attempt}: ${type} after ${before}`);
    events.set(`${step} ${attempt}`, type);
    if (type === "STEP_UP_FOR_RETRY") attempts.set(step, attempt + 1);
  }
  return events;
}
