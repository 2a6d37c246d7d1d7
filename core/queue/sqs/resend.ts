// Puts dead letters back into the queue they came from, as their producer sent them.
import { SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { byteSize, producerAttributes } from "../dead-letter-note.ts";
import { MESSAGES_A_REQUEST, type Resend, type Resent } from "../port.ts";
import { callInBatches } from "./batches.ts";
import type { QueueAddress, SqsContext } from "./context.ts";
import { writeAttribute } from "./message.ts";

/**
 * What SQS takes in one request, bodies and attributes of all entries; a single message may be as
 * large by itself.
 */
const BATCH_BYTES = 1_048_576;

/**
 * Answers in order. Rejects with a `Fault` when a request got no answer at all, and it is then
 * unknown which copies were sent.
 */
export async function resendLetters(
  context: SqsContext,
  { url: QueueUrl, fifo, site }: QueueAddress,
  copies: readonly Resend[],
): Promise<readonly Resent[]> {
  const ids = new Map<Resend, string>();
  const send = async (items: ReadonlyMap<string, Resend>) => {
    const Entries = [...items].map(([Id, copy]) => ({ Id, ...entryOf(copy, fifo) }));
    const answer = await site.call((client, options) =>
      client.send(new SendMessageBatchCommand({ QueueUrl, Entries }), options),
    );
    for (const { Id, MessageId } of answer.Successful ?? []) {
      const copy = items.get(Id ?? "");
      if (copy !== undefined) ids.set(copy, MessageId ?? "");
    }
    return answer;
  };
  // One request after the other: those of a group stay in their order.
  for (const some of requestsOf(copies))
    await callInBatches(context, { action: "SendMessage", queueUrl: QueueUrl, send }, some);
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

function requestsOf(copies: readonly Resend[]): readonly (readonly Resend[])[] {
  const parts: Resend[][] = [];
  let left = 0;
  for (const copy of copies) {
    const size = byteSize(copy.body, producerAttributes(copy.letter));
    if (size > left || parts.at(-1)?.length === MESSAGES_A_REQUEST) {
      parts.push([]);
      left = BATCH_BYTES;
    }
    parts.at(-1)?.push(copy);
    left -= size;
  }
  return parts;
}
