// The dead letter queue over SQS, for the sweep and operators' commands: the same calls on the
// other queue.
import { isMovedBySqs } from "../dead-letter-note.ts";
import type { DeadLetterQueue } from "../port.ts";
import { ackMessages, extendMessages } from "./batches.ts";
import { sendDeadLetter } from "./bury.ts";
import type { SqsContext } from "./context.ts";
import { type FoundFacts, readAttributes, readDepth, readRetention } from "./facts.ts";
import { receiveMessages } from "./receive.ts";
import { resendLetters } from "./resend.ts";

/** Null for a queue that has none. */
export async function openDeadLetters(
  context: SqsContext,
  { queue, deadLetter: letters }: Pick<FoundFacts, "queue" | "deadLetter">,
): Promise<DeadLetterQueue | null> {
  if (letters === null) return null;
  const [source, own] = await Promise.all([readAttributes(queue), readAttributes(letters)]);
  const [{ url: sourceUrl }, { url }] = [queue, letters];
  return {
    url,
    sourceUrl,
    isMoved: (message) => isMovedBySqs(message, source["QueueArn"] ?? null),
    redrives: (own["RedrivePolicy"] ?? "") !== "",
    retentionMs: readRetention(own),
    receive: (options) => receiveMessages(context, letters, options),
    extend: (extensions) => extendMessages(context, letters, extensions),
    ack: (receipts) => ackMessages(context, letters, receipts),
    bury: (message, reason, deduplicationId) => {
      const burial = { message, reason, sourceUrl, buriedAtMs: context.clock.wallMs() };
      return sendDeadLetter(context, letters, burial, deduplicationId);
    },
    depth: () => readDepth(letters),
    resend: (copies) => resendLetters(context, queue, copies),
  };
}
