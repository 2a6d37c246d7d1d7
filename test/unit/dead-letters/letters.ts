// Dead letters as they are read. Fields that a test does not care about are filled in.
import type { DeadLetter } from "../../../core/dead-letters/letter.ts";
import { readLetter } from "../../../core/dead-letters/read-letter.ts";
import { deadLetterAttributes } from "../../../core/queue/dead-letter-note.ts";
import type { DeadLetterReason, Message } from "../../../core/queue/port.ts";
import { bodyFor, message, sentAtMs } from "../../support/sqs/messages.ts";

export const DAY_MS = 86_400_000;
export const buriedAtMs = sentAtMs + 60_000;
const where = { isMoved: () => true, retentionMs: 14 * DAY_MS };

interface Wish extends Partial<DeadLetterReason> {
  readonly body?: string;
  readonly groupId?: string;
  readonly atMs?: number;
}

/** One that a worker buried: the copy of `sent-<id>`. */
export function aLetter(id: string, wish: Wish = {}): DeadLetter {
  const { body = bodyFor("load"), groupId = null, atMs = buriedAtMs, ...changes } = wish;
  const reason = { reason: "crash_loop", detail: "SIGKILL", errorClass: "ValueError", fingerprint: "f00d" };
  const { attributes } = deadLetterAttributes({
    message: message(`sent-${id}`, { body, groupId }),
    reason: { ...reason, starts: 3, worker: "worker-1", ...changes },
    sourceUrl: "https://sqs/steps",
    buriedAtMs: atMs,
  });
  return readLetter(message(id, { body, attributes, sentAtMs: atMs, groupId: `copy of ${id}` }), where);
}

/** One that SQS itself moved. */
export function moved(id: string, changes: Partial<Message> = {}): DeadLetter {
  return readLetter(message(id, changes), where);
}
