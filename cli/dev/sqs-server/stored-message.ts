// A message as the server keeps it, and what can be seen of it from outside.
import type { MessageAttribute } from "../../../core/queue/port.ts";

export interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly groupId: string | null;
  readonly deduplicationId: string | null;
  /** Order of arrival in this queue. */
  readonly sequence: number;
  readonly sentAtMs: number;
  /** Where retention counts from. */
  readonly retainedFromMs: number;
  /** Set once SQS itself moved it to a dead letter queue. */
  readonly deadLetterSourceArn: string | null;
  visibleAtMs: number;
  /** Over all queues it has been in (service model: ApproximateReceiveCount). */
  receiveCount: number;
  firstReceivedAtMs: number | null;
  /** The latest receive in this queue: each has a receipt of its own. */
  receive: { readonly receipt: string; readonly atMs: number } | null;
}

export type MessageState = "visible" | "in_flight" | "delayed";

/** A look at a message that costs no receive. */
export interface MessageView extends Readonly<StoredMessage> {
  readonly state: MessageState;
}

export function stateOf(message: StoredMessage, nowMs: number): MessageState {
  if (message.visibleAtMs <= nowMs) return "visible";
  return message.receive === null ? "delayed" : "in_flight";
}

/** Names the message, so that a receipt is recognised after the message is gone. */
export function receiptFor(messageId: string, receiveNumber: number): string {
  return `${messageId}/${receiveNumber}`;
}

/** Null for what was never a receipt. */
export function messageIdOf(receipt: string): string | null {
  return /^([0-9a-f-]{36})\/\d+$/.exec(receipt)?.[1] ?? null;
}
