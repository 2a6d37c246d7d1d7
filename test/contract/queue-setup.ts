// What the queue contract needs of whatever it is run against.
import type { TestContext } from "node:test";
import type { DeadLetterReason, Message, Queue } from "../../core/queue/port.ts";
import type { InspectedMessage, TestMessage } from "../support/sqs/local-sqs.ts";

export interface QueueSetup {
  readonly queue: Queue;
  /** Puts a message in as a producer does; answers its id. */
  send(message: TestMessage): Promise<string>;
  /** Every message of the queue, without receiving any. */
  inspect(): Promise<readonly InspectedMessage[]>;
  inspectDeadLetters(): Promise<readonly InspectedMessage[]>;
}

export interface QueueWish {
  readonly fifo: boolean;
  /** Null: no dead letter queue. */
  readonly maxReceiveCount?: number | null;
}

/** A queue of its own for this test, closed after it. */
export type MakeQueue = (t: TestContext, wish: QueueWish) => Promise<QueueSetup>;

export const aReason: DeadLetterReason = {
  reason: "crash_loop",
  detail: "the step process died 3 times: SIGKILL",
  errorClass: "StepProcessDied",
  fingerprint: "f00d",
  starts: 3,
  worker: "worker-1",
};

let sent = 0;

/** A message that no earlier one makes a duplicate. */
export function aMessage(fifo: boolean, body = "body", groupId = "g"): TestMessage {
  sent += 1;
  return fifo ? { body, groupId, deduplicationId: `d${sent}` } : { body };
}

/** The one message there is. */
export async function receiveOne(queue: Pick<Queue, "receive">, visibilityMs = 30_000): Promise<Message> {
  const messages = await queue.receive({ max: 1, waitMs: 0, visibilityMs });
  const [message] = messages;
  if (message === undefined || messages.length > 1) throw new Error(`expected one message, got ${messages.length}`);
  return message;
}

/** Whatever comes back within a long poll: how a test waits for a visibility to end. */
export async function receiveNext(queue: Pick<Queue, "receive">, visibilityMs = 30_000): Promise<Message> {
  const [message] = await queue.receive({ max: 1, waitMs: 10_000, visibilityMs });
  if (message === undefined) throw new Error("no message within 10 s");
  return message;
}

export async function receiveAll(queue: Pick<Queue, "receive">, visibilityMs = 30_000): Promise<Message[]> {
  const all: Message[] = [];
  while (true) {
    const messages = await queue.receive({ max: 10, waitMs: 0, visibilityMs });
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}
