// Reads a message of the dead letter queue.

import { errorFingerprint } from "../delivery/fingerprint.ts";
import { reasonNamed } from "../delivery/reasons.ts";
import { whyUnsigned } from "../delivery/signature.ts";
import { type DeadLetterNote, readNote } from "../queue/dead-letter-note.ts";
import type { DeadLetterQueue, Message } from "../queue/port.ts";
import { decode } from "../step/envelope.ts";
import { idempotencyKey, type StepId } from "../step/step.ts";
import type { Burial, DeadLetter } from "./letter.ts";

type Where = Pick<DeadLetterQueue, "isMoved" | "retentionMs">;

/** One of `keys` must have signed it. They are empty if the operator has none. */
export function readLetter(message: Message, where: Where, keys: readonly string[] = []): DeadLetter {
  const note = readNote(message);
  const decoded = decode(message.body);
  const step = stepOf(decoded);
  const { reason: word, detail } = note ?? withoutNote(where.isMoved(message), message);
  const reason = reasonNamed(word);
  const errorClass = note?.error_class ?? null;
  const { retentionMs } = where;
  return {
    message,
    body: decoded.kind === "unknown_version" ? "newer_version" : decoded.kind,
    step,
    key: step === null ? null : idempotencyKey(step),
    unsigned: keys.length === 0 ? reason === "unsigned" : whyUnsigned(message, keys) !== null,
    instance: decoded.kind === "step" ? decoded.envelope.instance : null,
    retryPlanned: decoded.kind === "step" && decoded.envelope.onFault !== null,
    reason,
    detail,
    errorClass,
    fingerprint: note?.fingerprint ?? errorFingerprint({ class: errorClass ?? reason, message: detail, traceback: "" }),
    burial: note === null ? null : burialOf(note),
    groupId: note === null ? message.groupId : note.group_id,
    sinceMs: note === null ? message.sentAtMs : note.buried_at * 1_000,
    expiresAtMs: retentionMs === null ? null : message.sentAtMs + retentionMs,
  };
}

function stepOf(decoded: ReturnType<typeof decode>): StepId | null {
  if (decoded.kind === "unknown_version") return null;
  if (decoded.kind === "malformed") return decoded.step;
  const { runId, stepKey, attempt } = decoded.envelope;
  return { runId, stepKey, attempt };
}

function burialOf({ worker, starts, source_queue: sourceUrl, message_id: messageId }: DeadLetterNote): Burial {
  return { worker, starts, sourceUrl, messageId };
}

function withoutNote(ours: boolean, { movedFrom }: Message): { readonly reason: string; readonly detail: string } {
  if (ours) {
    return { reason: "moved_by_sqs", detail: "SQS moved it: it was received too often without an end" };
  }
  return { reason: "moved_from_elsewhere", detail: `SQS moved it from another queue: ${movedFrom ?? "unknown"}` };
}
