// Messages as a queue hands them out, with whatever a test does not care about filled in.

import type { Message } from "../../../core/queue/port.ts";
import type { Envelope } from "../../../core/step/envelope.ts";

export const sentAtMs = 1_790_000_000_000;

export function envelope(stepKey = "load", changes: Partial<Envelope> = {}): Envelope {
  return {
    runId: "run-1",
    stepKey,
    attempt: 0,
    opName: stepKey.replace(/\[.*/, ""),
    knownState: null,
    retryMode: "deferred",
    onFault: null,
    enqueuedAt: sentAtMs / 1_000,
    tags: {},
    instance: null,
    dagster: null,
    dagsterTaskiq: null,
    job: null,
    ...changes,
  };
}

/** The body of a message about this step, as the executor in the run worker writes it. */
export function bodyFor(stepKey = "load", fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    version: 1,
    run_id: "run-1",
    step_key: stepKey,
    op_name: stepKey,
    retry_count: 0,
    known_state: null,
    retry_mode: "deferred",
    on_fault: null,
    enqueued_at: sentAtMs / 1_000,
    tags: {},
    ...fields,
  });
}

/** A message on a standard queue; `receipt` follows from the id and the receive. */
export function message(id: string, changes: Partial<Message> = {}): Message {
  const receiveCount = changes.receiveCount ?? 1;
  return {
    id,
    receipt: `${id}#${receiveCount}`,
    body: bodyFor(),
    groupId: null,
    deduplicationId: null,
    receiveCount,
    sentAtMs,
    firstReceivedAtMs: sentAtMs,
    attributes: {},
    ...changes,
  };
}

/** A message on a FIFO queue. */
export function fifoMessage(id: string, group: string, changes: Partial<Message> = {}): Message {
  return message(id, { groupId: group, deduplicationId: `dedup-${id}`, ...changes });
}
