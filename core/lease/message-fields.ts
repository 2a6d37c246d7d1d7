// What each log line about a message carries, so that a run, a step or a message is found in all
// lines by the same fields. Pure.
import type { Message } from "../queue/port.ts";
import { type Decoded, decode } from "../step/envelope.ts";
import { type StepId, stepFields, stepIdOf } from "../step/step.ts";

export interface MessageFields extends Partial<StepId> {
  readonly key?: string;
  readonly job?: string;
  readonly messageId: string;
  readonly receiveCount: number;
  readonly group?: string;
}

/** Fields that the message does not have are absent. */
export function messageFields(message: Message, step: StepId | null, job: string | null): MessageFields {
  const { id: messageId, receiveCount, groupId, deduplicationId } = message;
  return {
    ...(step === null ? {} : stepFields(step)),
    ...(job === null ? {} : { job }),
    messageId,
    receiveCount,
    // A standard queue's group is a tenant. A FIFO queue's repeats the key, or stands in the step's
    // tags.
    ...(groupId === null || deduplicationId !== null ? {} : { group: groupId }),
  };
}

/** Reads the body for it: for lines that are rare. */
export function fieldsOfBody(message: Message): MessageFields {
  const decoded = decode(message.body);
  return messageFields(message, stepNamedIn(decoded), decoded.kind === "step" ? decoded.envelope.job : null);
}

/** Returns `null` for a body that names no step that can be read. */
export function stepNamedIn(decoded: Decoded): StepId | null {
  switch (decoded.kind) {
    case "step":
      return stepIdOf(decoded.envelope);
    case "malformed":
      return decoded.step;
    case "unknown_version":
      return null;
  }
}
