// The dead letter queue over SQS, for whoever looks through it: the same calls on the other queue.
import { isMovedBySqs } from "../dead-letter-note.ts";
import type { DeadLetterQueue, QueueFacts } from "../port.ts";
import { ackMessages, extendMessages } from "./batches.ts";
import { sendDeadLetter } from "./bury.ts";
import { addressOf, type SqsContext } from "./context.ts";
import { readAttributes, readDepth, readRetention } from "./facts.ts";
import { receiveMessages } from "./receive.ts";
import { resendLetters } from "./resend.ts";

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
