// Puts dead letters back into the queue they came from, as their producer sent them.
import { Buffer } from "node:buffer";
import { SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { producerAttributes } from "./dead-letter-note.ts";
import type { Resend, Resent } from "./port.ts";
import { callInBatches } from "./sqs-batches.ts";
import { addressOf, type SqsContext } from "./sqs-context.ts";
import { writeAttribute } from "./sqs-message.ts";

/** What SQS takes in one request, less what is said around the bodies; a single message may be as large by itself. */
const BATCH_BYTES = 900_000;

/** Answers in order. Rejects with a `Fault` when a request got no answer at all: then nobody knows what was sent of it. */
export async function resendLetters(
  context: SqsContext,
  queueUrl: string,
  copies: readonly Resend[],
): Promise<readonly Resent[]> {
  const { fifo } = addressOf(queueUrl);
  const ids = new Map<Resend, string>();
  const send = async (items: ReadonlyMap<string, Resend>) => {
    const Entries = [...items].map(([Id, copy]) => ({ Id, ...entryOf(copy, fifo) }));
    const answer = await context.clients.calls.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    for (const { Id, MessageId } of answer.Successful ?? []) {
      const copy = items.get(Id ?? "");
      if (copy !== undefined) ids.set(copy, MessageId ?? "");
    }
    return answer;
  };
  for (const some of bySize(copies)) await callInBatches(context, { action: "SendMessage", queueUrl, send }, some);
  return copies.map((copy) => {
    const messageId = ids.get(copy);
    return messageId === undefined ? { kind: "failed" } : { kind: "sent", messageId };
  });
}

function entryOf({ letter, body, groupId, deduplicationId }: Resend, fifo: boolean) {
  const theirs = Object.entries(producerAttributes(letter));
  const attributes = Object.fromEntries(theirs.map(([name, attribute]) => [name, writeAttribute(attribute)] as const));
  return {
    MessageBody: body,
    ...(theirs.length === 0 ? {} : { MessageAttributes: attributes }),
    ...(groupId === null ? {} : { MessageGroupId: groupId }),
    ...(fifo ? { MessageDeduplicationId: deduplicationId } : {}),
  };
}

function bySize(copies: readonly Resend[]): readonly (readonly Resend[])[] {
  const parts: Resend[][] = [];
  let left = 0;
  for (const copy of copies) {
    const size = Buffer.byteLength(copy.body) + 10_000;
    if (parts.length === 0 || size > left) {
      parts.push([]);
      left = BATCH_BYTES;
    }
    parts.at(-1)?.push(copy);
    left -= size;
  }
  return parts;
}
