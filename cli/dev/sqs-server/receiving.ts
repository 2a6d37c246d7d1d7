// The rules for what a receive and a change of visibility may ask. Pure.
import { checkId, LONGEST_VISIBILITY_MS } from "./limits.ts";
import type { QueueSettings } from "./queue-settings.ts";
import { invalidParameter, notForThisType } from "./refusal.ts";

export interface Receiving {
  readonly max: number;
  /** The queue's own when left out. */
  readonly visibilityMs?: number | null;
  readonly attemptId?: string | null;
}

export function checkMax(max: number): void {
  if (max >= 1 && max <= 10) return;
  throw invalidParameter("MaxNumberOfMessages", max, "Must be between 1 and 10, if provided.");
}

export function checkVisibility(visibilityMs: number): void {
  if (visibilityMs >= 0 && visibilityMs <= LONGEST_VISIBILITY_MS) return;
  throw invalidParameter("VisibilityTimeout", visibilityMs / 1000, "Must be between 0 and 43200.");
}

// FIFO only (service model: ReceiveRequestAttemptId).
export function checkAttemptId({ fifo }: QueueSettings, attemptId: string | null): void {
  if (attemptId === null) return;
  if (!fifo) throw notForThisType("ReceiveRequestAttemptId", attemptId);
  checkId("ReceiveRequestAttemptId", attemptId);
}

// "The maximum visibility timeout is 12 hours from the time that Amazon SQS receives the
// ReceiveMessage request" (guide, "visibility timeout"). A longer time than the rest of it is an
// error, not clamped (service model: ChangeMessageVisibility).
export function checkTotalVisibility(totalMs: number, visibilityMs: number): void {
  if (totalMs <= LONGEST_VISIBILITY_MS) return;
  const reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
  throw invalidParameter("VisibilityTimeout", visibilityMs / 1000, reason);
}
