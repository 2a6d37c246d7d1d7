// The rules for a message that is sent, by queue type. Pure.
import { createHash } from "node:crypto";
import type { MessageAttribute } from "../../../core/queue/port.ts";
import { checkAttributes, checkBody, checkId, checkSize, LONGEST_DELAY_MS, messageSize } from "./limits.ts";
import type { QueueSettings } from "./queue-settings.ts";
import { invalidParameter, missingParameter, notForThisType, Refusal } from "./refusal.ts";

export interface Sending {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>>;
  readonly groupId?: string | null;
  readonly deduplicationId?: string | null;
  readonly delayMs?: number | null;
}

export function checkSending(settings: QueueSettings, sending: Sending): void {
  const attributes = sending.attributes ?? {};
  checkBody(sending.body);
  checkAttributes(attributes);
  checkSize(messageSize(sending.body, attributes), settings.largestMessage);
  checkOrdering(settings, sending);
  checkDelay(settings, sending.delayMs ?? null);
}

// An explicit id wins over the content's hash, which leaves the attributes out (service model:
// MessageDeduplicationId).
export function deduplicationIdOf(settings: QueueSettings, { body, deduplicationId = null }: Sending): string | null {
  if (!settings.fifo || deduplicationId !== null) return deduplicationId;
  if (settings.contentBasedDeduplication) return createHash("sha256").update(body).digest("hex");
  throw new Refusal(
    "InvalidParameterValue",
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
  );
}

// A group on a standard queue is a tenant of a fair queue. A deduplication id there is refused
// (service model: SendMessage).
function checkOrdering({ fifo }: QueueSettings, { groupId = null, deduplicationId = null }: Sending): void {
  if (groupId !== null) checkId("MessageGroupId", groupId);
  if (deduplicationId !== null) checkId("MessageDeduplicationId", deduplicationId);
  if (fifo && groupId === null) throw missingParameter("MessageGroupId");
  if (!fifo && deduplicationId !== null) throw notForThisType("MessageDeduplicationId", deduplicationId);
}

// FIFO queues know a delay of the whole queue only (service model: DelaySeconds).
function checkDelay({ fifo }: QueueSettings, delayMs: number | null): void {
  if (delayMs === null) return;
  if (fifo && delayMs !== 0) throw notForThisType("DelaySeconds", delayMs / 1000);
  if (delayMs < 0 || delayMs > LONGEST_DELAY_MS) {
    throw invalidParameter("DelaySeconds", delayMs / 1000, "DelaySeconds must be >= 0 and <= 900.");
  }
}
