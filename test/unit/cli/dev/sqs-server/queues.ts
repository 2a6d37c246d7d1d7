// Queues of our SQS server's model, on a clock that a test moves.

import { SqsModel } from "../../../../../cli/dev/sqs-server/model.ts";
import type { QueueModel } from "../../../../../cli/dev/sqs-server/queue-model.ts";
import { ManualClock } from "../../../../support/clocks/manual-clock.ts";

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;

export function aQueue(fifo: boolean, options: { inFlightLimit?: number } = {}) {
  const clock = new ManualClock();
  const model = new SqsModel({ clock, ...options });
  const queue = fifo ? model.createQueue("q.fifo", { FifoQueue: "true" }) : model.createQueue("q");
  return { clock, model, queue };
}

/** Each body's first letter is its group. */
export function fifoQueue(...messages: readonly string[]) {
  const made = aQueue(true);
  for (const body of messages) made.queue.send({ body, groupId: body.slice(0, 1), deduplicationId: body });
  return made;
}

export function bodies(messages: readonly { readonly body: string }[]): string[] {
  return messages.map(({ body }) => body);
}

export function giveBack(
  queue: QueueModel,
  message: { readonly receive: { readonly receipt: string } | null } | undefined,
): void {
  queue.changeVisibility(message?.receive?.receipt ?? "", 0);
}

export function redriveTo(queue: QueueModel, maxReceiveCount: number): string {
  return JSON.stringify({ deadLetterTargetArn: queue.arn, maxReceiveCount });
}

export function expired(receipt: string) {
  return {
    message: `Value ${receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
  };
}
