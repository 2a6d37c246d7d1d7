// Log events about a step: from its claim to its recorded end. Pure.
import { type EventTable, ofDelivery } from "./entry.ts";

export const stepEvents = {
  "step.claimed": {
    levels: ["info"],
    fields: { ...ofDelivery, fence: "number", starts: "number", queuedMs: "number or null", takenOver: "boolean" },
    means: "This worker has claimed the attempt and starts its process.",
    act: null,
  },
  "step.started": {
    levels: ["debug"],
    fields: { key: "string", runId: "string", stepKey: "string", attempt: "number", pid: "number" },
    means: "The step host has started the step's process.",
    act: null,
  },
  "step.output": {
    levels: ["info", "debug", "warn", "error"],
    fields: {
      key: "string",
      runId: "string",
      stepKey: "string",
      attempt: "number",
      "job?": "string",
      stream: "string",
    },
    means: "A line that the step's process printed. The level is the one that the line names, otherwise `info`.",
    act: "Choose which lines reach the log with `--step-output`.",
  },
  "step.ended": {
    levels: ["info", "warn"],
    fields: {
      ...ofDelivery,
      state: "string",
      queuedMs: "number or null",
      ranMs: "number",
      wrote: "boolean",
      "errorClass?": "string",
      "errorMessage?": "string",
    },
    means: "The step has ended. A failure or a retry is a warning.",
    act: "Read the error in the step's events in Dagster.",
  },
  "step.settled": {
    levels: ["debug", "warn"],
    fields: { ...ofDelivery, state: "string", answer: "string" },
    means:
      "The ledger has answered the request to record the outcome. A warning means `stale`: another claim owns the row.",
    act: null,
  },
  "step.given_up": {
    levels: ["warn"],
    fields: { ...ofDelivery, reason: "string" },
    means:
      "taskiq does not start the step again. It reports the end in Dagster, or leaves the step open for an operator.",
    act: "Look up the reason in [The DLQ alarm fired](operations.md#the-dlq-alarm-fired).",
  },
  "step.requeued": {
    levels: ["warn"],
    fields: { ...ofDelivery, "visibilityMs?": "number" },
    means: "A start ended without an outcome. The message goes back to the queue, and a worker starts the step again.",
    act: "Read the cause in the message. It is often memory, a machine that went away, or code that kills its process.",
  },
  "step.fault": {
    levels: ["warn"],
    fields: { ...ofDelivery, scope: "string" },
    means:
      "The machinery failed, not the step's code. `scope` names the part: `step`, `location`, `instance` or `host`.",
    act: "Repair what the message names. The step is started again.",
  },
  "step.over_limit": {
    levels: ["warn"],
    fields: { ...ofDelivery, limit: "string" },
    means: "The step exceeded a limit (`timed_out`, `silent`, `output` or `processes`), so taskiq ended it.",
    act: "Raise the limit with an option of `taskiq run` or a tag of the op, or make the step smaller.",
  },
  "step.cut_short": {
    levels: ["warn"],
    fields: ofDelivery,
    means: "Hooks or teardown still ran after the step's recorded end, and taskiq ended them. The outcome stands.",
    act: "Give the worker a `--grace` that is longer than your teardowns.",
  },
  "step.permit_refused": {
    levels: ["warn"],
    fields: ofDelivery,
    means:
      "The step's process lost the right to record its outcome: another worker has the attempt, or the permit came too late.",
    act: "Look for a frozen machine, or raise `--visibility-timeout`, if this repeats.",
  },
  "step.not_open": {
    levels: ["error"],
    fields: ofDelivery,
    means: "The run has not sent this attempt. Nothing ran, and the message goes to the dead letter queue.",
    act: "Find out who sends to the queue besides your run workers.",
  },
  "step.unknown_run": {
    levels: ["error"],
    fields: { ...ofDelivery, theirs: "string or null", ours: "string or null" },
    means: "This worker's Dagster instance has no such run. Nothing ran, and the message goes back to the queue.",
    act: "Point the worker's `DAGSTER_HOME` at the instance of the run workers, or give each instance a queue.",
  },
  "step.run_deleted": {
    levels: ["warn"],
    fields: { ...ofDelivery, instance: "string" },
    means: "The step's run was deleted from this Dagster instance. Nothing ran, and the message is deleted.",
    act: null,
  },
  "step.tag_ignored": {
    levels: ["warn"],
    fields: ofDelivery,
    means: "A `taskiq/…` tag of the op makes no sense. The worker's own setting holds instead.",
    act: "Correct the tag.",
  },
} as const satisfies EventTable;
