// The dead letter queue over SQS, for whoever looks through it: the same calls on the other queue.
import { isMovedBySqs } from "./dead-letter-note.ts";
import { sendDeadLetter } from "./dead-letters.ts";
import type { DeadLetterQueue, QueueFacts } from "./port.ts";
import { ackMessages, extendMessages } from "./sqs-batches.ts";
import { addressOf, type SqsContext } from "./sqs-context.ts";
import { readAttributes, readDepth, readRetention } from "./sqs-facts.ts";
import { receiveMessages } from "./sqs-receive.ts";
import { resendLetters } from "./sqs-resend.ts";

/** Null for a queue that has none. */
export async function openDeadLetters(
  context: SqsContext,
  { url: sourceUrl, deadLetterUrl: url }: QueueFacts,
): Promise<DeadLetterQueue | null> {
  if (url === null) return null;
  const [source, own] = await Promise.all([readAttributes(context, sourceUrl), readAttributes(context, url)]);
  const address = addressOf(url);
  return {
    url,
    sourceUrl,
    isMoved: (message) => isMovedBySqs(message, source["QueueArn"] ?? null),
    redrives: (own["RedrivePolicy"] ?? "") !== "",
    retentionMs: readRetention(own),
    receive: (options) => receiveMessages(context, address, options),
    extend: (extensions) => extendMessages(context, url, extensions),
    ack: (receipts) => ackMessages(context, url, receipts),
    bury: (message, reason) =>
      sendDeadLetter(context, url, { message, reason, sourceUrl, buriedAtMs: context.clock.wallMs() }),
    depth: () => readDepth(context, address),
    resend: (copies) => resendLetters(context, sourceUrl, copies),
  };
}
