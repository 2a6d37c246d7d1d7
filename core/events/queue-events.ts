// Log events about the queues: receiving, requests to SQS, and the sweep of the dead letter queue.
// Pure.
import { type EventTable, outage } from "./entry.ts";

export const queueEvents = {
  "intake.closed": {
    levels: ["error"],
    fields: { causes: "string" },
    means: "The worker has stopped receiving, and probes until the cause is gone. Running steps go on.",
    act: "See [A worker is not ready](operations.md#a-worker-is-not-ready).",
  },
  "intake.open": {
    levels: ["info"],
    fields: { seconds: "number" },
    means: "The worker receives again.",
    act: null,
  },
  "intake.receive_failed": {
    levels: outage,
    fields: {},
    means: "A receive failed. The worker tries again, ever less often, and logs `intake.closed` if this goes on.",
    act: "Check SQS, the network and the worker's credentials if it lasts.",
  },
  "intake.last_receive": {
    levels: ["info"],
    fields: { waitMs: "number" },
    means:
      "The worker stops, and waits for a receive of a standard queue, or of a FIFO queue while the ledger does not answer. SQS would hide the messages that it hands to an aborted one.",
    act: "A second signal ends the wait. A message that SQS hands to the aborted receive then stays hidden for `--visibility-timeout`.",
  },
  "intake.receive_repeated": {
    levels: ["info", "debug"],
    fields: { received: "number" },
    means:
      "The worker has repeated a receive that another worker cut when it stopped, and runs what SQS had handed to that. At debug level it was nothing.",
    act: null,
  },
  "intake.cut_receives_failed": {
    levels: outage,
    fields: {},
    means:
      "The worker could not look in the ledger for receives that stopping workers cut, or could not repeat one. It tries again. A message that SQS handed to such a receive comes back when its visibility ends.",
    act: "Check the ledger, and the [grants](ledger.md#roles) of the worker's role.",
  },
  "outage.over": {
    levels: ["info"],
    fields: { what: "string", seconds: "number", failures: "number" },
    means: "A request that failed, and was logged as a warning, works again.",
    act: null,
  },
  "queue.warning": {
    levels: ["warn"],
    fields: { queue: "string" },
    means: "A setting of the queue, or of its dead letter queue, does not suit taskiq. The worker starts anyway.",
    act: "Change the setting that the message names.",
  },
  "queue.entries_failed": {
    levels: outage,
    fields: { action: "string", queue: "string", entries: "number", detail: "string" },
    means: "SQS refused a part of a batch request. What that means for each message follows in an event of its own.",
    act: "Read `detail`: it is usually a missing permission or throttling.",
  },
  "queue.receive_retried": {
    levels: ["debug"],
    fields: { queue: "string", trouble: "string", attempt: "number" },
    means: "A receive failed and is tried again at once.",
    act: null,
  },
  "queue.credentials_not_renewed": {
    levels: ["warn"],
    fields: {},
    means: "The AWS credentials expire within minutes and could not be renewed. The worker tries again.",
    act: "Check the source of the credentials: the task role, the instance profile or the profile file.",
  },
  "queue.dead_letter_note_shortened": {
    levels: ["warn"],
    fields: { messageId: "string", note: "string" },
    means: "A dead letter is so large that its reason was cut or left out. The body is whole.",
    act: "Look for the reason in this log (`dead_letter.buried`) and in Dagster's events.",
  },
  "queue.sdk_warning": {
    levels: ["debug"],
    fields: {},
    means: "A warning of the AWS SDK.",
    act: null,
  },
  "sweep.done": {
    levels: ["debug", "info"],
    fields: { looked: "number", ended: "number" },
    means:
      "The worker looked through the dead letter queue. It is `info` if it ended steps that SQS itself moved there.",
    act: "Find out why SQS moved them, usually from `step.requeued` and from workers that died.",
  },
  "sweep.failed": {
    levels: outage,
    fields: {},
    means: "The dead letter queue could not be looked through. The sweep tries again, after denied access more rarely.",
    act: "Check the worker's permissions for the dead letter queue, and the ledger.",
  },
  "sweep.hidden": {
    levels: ["warn"],
    fields: { group: "string" },
    means: "Ten dead letters that the sweep may not take hide all others of their message group.",
    act: "Move or delete those ten, as [The DLQ alarm fired](operations.md#the-dlq-alarm-fired) says.",
  },
  "sweep.off": {
    levels: ["warn"],
    fields: {},
    means:
      "The dead letter queue has a redrive policy of its own, so the sweep leaves it alone. Runs may wait forever.",
    act: "Remove that redrive policy.",
  },
} as const satisfies EventTable;
