// Copies a message to the dead letter queue: the body byte for byte, the producer's attributes, and
// why.
import { SendMessageCommand, type SendMessageCommandInput } from "@aws-sdk/client-sqs";
import { type Burial, deadLetterAttributes } from "../dead-letter-note.ts";
import type { QueueAddress, SqsContext } from "./context.ts";
import { queueFault } from "./errors.ts";
import { writeAttribute } from "./message.ts";

/** Resolves once SQS has the copy; only then may the original be acked. */
export async function sendDeadLetter(
  context: SqsContext,
  to: QueueAddress,
  burial: Burial,
  deduplicationId: string,
): Promise<void> {
  const { attributes, note } = deadLetterAttributes(burial);
  if (note !== "whole") tellShortened(context, burial, note);
  const entries = Object.entries(attributes).map(([name, attribute]) => [name, writeAttribute(attribute)] as const);
  const input: SendMessageCommandInput = {
    QueueUrl: to.url,
    MessageBody: burial.message.body,
    ...(entries.length === 0 ? {} : { MessageAttributes: Object.fromEntries(entries) }),
    ...orderingOf(to, burial, note, deduplicationId),
  };
  try {
    await to.site.call((client, options) => client.send(new SendMessageCommand(input), options));
  } catch (error) {
    throw queueFault("SendMessage", to.url, error);
  }
}

// A FIFO queue hides the messages behind one that is looked at, and shows ten of a group at most.
// So each dead letter is a group of its own. Otherwise a look through them would never find the
// eleventh. Its own group is in the note. Without a note, the letter stays in its group.
function orderingOf(
  { fifo }: QueueAddress,
  { message }: Burial,
  note: "whole" | "cut" | "left_out",
  id: string,
): Partial<SendMessageCommandInput> {
  const group = message.groupId === null ? {} : { MessageGroupId: message.groupId };
  if (!fifo) return group;
  return { ...(note === "left_out" ? group : { MessageGroupId: id }), MessageDeduplicationId: id };
}

function tellShortened(context: SqsContext, { message }: Burial, note: "cut" | "left_out"): void {
  context.observe({
    event: "queue.dead_letter_note_shortened",
    level: "warn",
    message: "the dead letter has no room for its whole reason",
    messageId: message.id,
    note,
  });
}
