// Log events about a delivery: a message in this worker's hands, its lease, and its row in the
// ledger. Pure.
import { type EventTable, ofDelivery, outage } from "./entry.ts";

export const deliveryEvents = {
  "delivery.done": {
    levels: ["debug"],
    fields: {
      ...ofDelivery,
      disposition: "string",
      "claimMs?": "number",
      "startMs?": "number",
      "settleMs?": "number",
      "deleteMs?": "number",
    },
    means: "The delivery has ended: `acked`, `buried`, `released` or `lost`.",
    act: null,
  },
  "delivery.held": {
    levels: ["info"],
    fields: { ...ofDelivery, owner: "string", leftMs: "number" },
    means: "Another worker runs this attempt. The delivery waits for the end of that lease, without a slot.",
    act: null,
  },
  "delivery.duplicate": {
    levels: ["info"],
    fields: { ...ofDelivery, state: "string" },
    means: "The ledger already has the outcome of this attempt. The message is deleted, and nothing runs.",
    act: null,
  },
  "delivery.released": {
    levels: ["info"],
    fields: { ...ofDelivery, visibilityMs: "number" },
    means: "The message went back to the queue and is visible again after `visibility_ms`.",
    act: null,
  },
  "delivery.release_failed": {
    levels: outage,
    fields: ofDelivery,
    means: "SQS did not take the message back. It is visible again when its visibility timeout ends.",
    act: "Check SQS and the worker's `sqs:ChangeMessageVisibility` permission.",
  },
  "delivery.given_back": {
    levels: ["info"],
    fields: ofDelivery,
    means: "The worker stops or is quiet, or an earlier message of the group went back. This one was not started.",
    act: null,
  },
  "delivery.give_back_failed": {
    levels: outage,
    fields: ofDelivery,
    means: "A message that was not started could not go back. It is visible again when its visibility timeout ends.",
    act: "Check SQS and the worker's `sqs:ChangeMessageVisibility` permission.",
  },
  "delivery.ack_failed": {
    levels: outage,
    fields: ofDelivery,
    means: "SQS did not delete a message whose outcome is recorded. Its redelivery finds the outcome and runs nothing.",
    act: "Check SQS and the worker's `sqs:DeleteMessage` permission, on the dead letter queue too.",
  },
  "delivery.unknown_version": {
    levels: ["warn"],
    fields: { ...ofDelivery, version: "number" },
    means: "A newer taskiq sent the message. It goes back to the queue for a newer worker.",
    act: "Update the workers.",
  },
  "delivery.newer_dagster": {
    levels: ["warn"],
    fields: { ...ofDelivery, theirs: "string", ours: "string" },
    means:
      "The run worker's Dagster is too new for this worker. The message goes back to the queue for a newer worker.",
    act: "Update the workers.",
  },
  "delivery.other_dagster": {
    levels: ["warn"],
    fields: { ...ofDelivery, theirs: "string", ours: "string" },
    means: "Run workers have another minor version of Dagster. Their steps run. Logged once for each pair of versions.",
    act: "Install the same version on both sides.",
  },
  "delivery.other_instance": {
    levels: ["error"],
    fields: { ...ofDelivery, theirs: "string", ours: "string" },
    means: "A run worker of another Dagster instance sent the message. It is not run, and goes back to the queue.",
    act: "See [A message of another Dagster instance](operations.md#a-message-of-another-dagster-instance).",
  },
  "delivery.bug": {
    levels: ["error"],
    fields: ofDelivery,
    means:
      "A bug in taskiq ended this delivery. Other steps go on, and the message comes back when its visibility ends.",
    act: "Report it with its stack.",
  },
  "dead_letter.buried": {
    levels: ["error"],
    fields: { ...ofDelivery, reason: "string" },
    means: "The message was copied to the dead letter queue with its reason, and is then deleted.",
    act: "See [The DLQ alarm fired](operations.md#the-dlq-alarm-fired).",
  },
  "dead_letter.has_copy": {
    levels: ["info"],
    fields: ofDelivery,
    means: "This worker copied the message to the dead letter queue before, and could not delete it. It tries again.",
    act: null,
  },
  "dead_letter.failed": {
    levels: ["error", "debug"],
    fields: ofDelivery,
    means:
      "The copy to the dead letter queue failed. The message goes back to the queue, and a later delivery tries again.",
    act: "Check that the queue has a dead letter queue, and that the worker may send to it.",
  },
  "lease.lost": {
    levels: ["error"],
    fields: { ...ofDelivery, "why?": "string" },
    means:
      "The claim's lease ended or went to another worker. This worker kills the step's process and records nothing.",
    act: "Check the ledger's database and the load of this machine, or raise `--visibility-timeout`.",
  },
  "lease.renew_failed": {
    levels: outage,
    fields: { what: "string" },
    means:
      "Leases (`ledger`) or visibility timeouts (`visibility`) were not renewed. The worker tries again every second.",
    act: "Check the ledger's database or SQS. Steps are lost once their leases end.",
  },
  "lease.visibility_lost": {
    levels: ["warn"],
    fields: { ...ofDelivery, why: "string" },
    means: "SQS may deliver the message again. The step goes on, and the second delivery waits or finds the outcome.",
    act: null,
  },
  "ledger.unreachable": {
    levels: outage,
    fields: { ...ofDelivery, what: "string" },
    means: "The ledger did not answer a delivery. The worker asks again while the lease lasts, and starts nothing new.",
    act: "Check the ledger's database.",
  },
  "ledger.row_refused": {
    levels: ["error"],
    fields: ofDelivery,
    means: "The ledger can hold no row for this message. Nothing runs, and the message goes to the dead letter queue.",
    act: "Read the cause in the message.",
  },
  "ledger.row_unreadable": {
    levels: ["error"],
    fields: ofDelivery,
    means: "The row of this attempt cannot be read. Nothing runs, and the message goes back to the queue.",
    act: "Finish the deploy if a newer worker wrote the row. Otherwise repair the row.",
  },
  "ledger.pruned": {
    levels: ["info"],
    fields: { pruned: "number" },
    means: "The worker deleted rows that no message can ask for any more.",
    act: null,
  },
  "ledger.prune_failed": {
    levels: ["warn"],
    fields: {},
    means: "Old rows could not be deleted. The worker tries again at the next turn.",
    act: "Check the ledger's database and the grants of its role.",
  },
  "ledger.missing": {
    levels: ["warn"],
    fields: {},
    means: "The SQLite file of the ledger does not exist. The command works without the ledger.",
    act: "Correct `--ledger-url` if there is a ledger.",
  },
  "notice.lost": {
    levels: outage,
    fields: { runId: "string", stepKey: "string", why: "string" },
    means: "An event about a delivery could not be written to the run's log in Dagster. Its text is in the message.",
    act: "Check Dagster's database.",
  },
} as const satisfies EventTable;
