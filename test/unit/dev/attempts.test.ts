// The demo's table: which events and ledger rows make an attempt.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LedgerRow } from "../../../core/ledger/port.ts";
import { attemptsOf } from "../../../dev/start/attempts.ts";
import type { StepEvent } from "../../../dev/start/run.ts";

function event(type: string, step: string, at: number, more: Partial<StepEvent> = {}): StepEvent {
  return { type, step, at, attempt: null, pid: null, ...more };
}

function row(stepKey: string, attempt: number, state: "success" | "failure" | "up_for_retry"): LedgerRow {
  return {
    key: `run:${stepKey}:${attempt}`,
    step: { runId: "run", stepKey, attempt },
    state: state === "failure" ? "failed" : "completed",
    fence: 1,
    owner: "host:7",
    leaseExpiresAtMs: null,
    starts: 1,
    outcome: {
      state,
      output: null,
      error: null,
      started_at: 0,
      completed_at: 0,
      execution_time_seconds: 0,
    },
    payloadDigest: "",
    bodyBound: false,
    messageId: "",
    receivedAtMs: 0,
    updatedAtMs: 0,
    settledAtMs: 0,
  };
}

test("a retried step has two attempts, each with its own times, process and outcome", () => {
  const events = [
    event("STEP_WORKER_STARTING", "publish", 10, { attempt: 0 }),
    event("STEP_WORKER_STARTED", "publish", 12, { pid: 100 }),
    event("STEP_UP_FOR_RETRY", "publish", 15),
    event("STEP_WORKER_STARTING", "publish", 20, { attempt: 1 }),
    event("STEP_WORKER_STARTED", "publish", 21, { pid: 101 }),
    event("STEP_SUCCESS", "publish", 25),
  ];
  const rows = [row("publish", 1, "success"), row("publish", 0, "up_for_retry")];
  const common = { step: "publish", worker: "host:7" };
  assert.deepEqual(attemptsOf(events, rows), [
    { ...common, attempt: 1, pid: 100, outcome: "up_for_retry", queuedFor: 2, ranFor: 3 },
    { ...common, attempt: 2, pid: 101, outcome: "success", queuedFor: 1, ranFor: 4 },
  ]);
});

test("events of other steps in between are not mixed up", () => {
  const events = [
    event("STEP_WORKER_STARTING", "a", 1, { attempt: 0 }),
    event("STEP_WORKER_STARTING", "b", 2, { attempt: 0 }),
    event("STEP_WORKER_STARTED", "b", 3, { pid: 2 }),
    event("STEP_WORKER_STARTED", "a", 5, { pid: 1 }),
    event("STEP_SUCCESS", "b", 7),
    event("STEP_FAILURE", "a", 8),
  ];
  const found = attemptsOf(events, [row("a", 0, "failure"), row("b", 0, "success")]);
  assert.deepEqual(
    found.map(({ step, pid, outcome, queuedFor, ranFor }) => [step, pid, outcome, queuedFor, ranFor]),
    [
      ["a", 1, "failure", 4, 3],
      ["b", 2, "success", 1, 4],
    ],
  );
});

test("a step that was sent and nothing more is queued", () => {
  const found = attemptsOf([event("STEP_WORKER_STARTING", "a", 1, { attempt: 0 })], []);
  assert.deepEqual(found, [
    { step: "a", attempt: 1, worker: null, pid: null, outcome: "queued", queuedFor: null, ranFor: null },
  ]);
});

test("a step that runs still has the state of its row", () => {
  const running: LedgerRow = { ...row("a", 0, "success"), state: "running", outcome: null, settledAtMs: null };
  const events = [
    event("STEP_WORKER_STARTING", "a", 1, { attempt: 0 }),
    event("STEP_WORKER_STARTED", "a", 2, { pid: 9 }),
  ];
  assert.deepEqual(attemptsOf(events, [running]), [
    { step: "a", attempt: 1, worker: "host:7", pid: 9, outcome: "running", queuedFor: 1, ranFor: null },
  ]);
});
