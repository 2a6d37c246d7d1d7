// One long poll, retried by us: the SDK does not know when an attempt id may be used again.
import { randomUUID } from "node:crypto";
import { ReceiveMessageCommand, type Message as SdkMessage } from "@aws-sdk/client-sqs";
import type { Message, ReceiveOptions } from "../port.ts";
import type { QueueAddress, SqsContext } from "./context.ts";
import { queueFault, type Trouble, troubleOf } from "./errors.ts";
import { readMessage } from "./message.ts";
import { retryDelayMs } from "./retry-delay.ts";

const ATTEMPTS = 4;
/** After that time the gate reports a service that does not answer. */
const GIVE_UP_MS = 30_000;

/** The clock too: the refusal holds AWS's time, with which the SDK signs the next request. */
const PASSING: readonly Trouble[] = ["throttled", "unreachable", "unsigned", "clock"];

interface Poll extends ReceiveOptions {
  /**
   * FIFO only: with the same id within 5 minutes, SQS answers with the same messages and receipts.
   */
  readonly attemptId: string | null;
}

/**
 * Rejects with a Fault once the retries are used up, or at once for a failure that no retry mends.
 */
export async function receiveMessages(
  context: SqsContext,
  queue: QueueAddress,
  options: ReceiveOptions,
): Promise<Message[]> {
  const { clock } = context;
  const giveUpAtMs = clock.monoMs() + GIVE_UP_MS;
  let poll: Poll = { ...options, attemptId: options.repeats ?? freshAttemptId(queue) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const messages = await pollOnce(queue, poll);
      return messages.map((message) => readMessage(message, clock.wallMs()));
    } catch (error) {
      if (options.cut?.aborted) return await lastLook(context, queue, poll);
      const trouble = troubleOf(error);
      const over = attempt === ATTEMPTS || clock.monoMs() >= giveUpAtMs;
      if (over || !PASSING.includes(trouble)) throw queueFault("ReceiveMessage", queue.url, error);
      poll = nextTry(queue, poll, trouble);
      tellRetry(context, queue, trouble, attempt);
      await clock.sleep(retryDelayMs(attempt, context.random), options.cut);
    }
  }
}

/**
 * After a cut: what the aborted request fetched, which only FIFO tells. A failure is not worth an
 * error. The caller is about to exit, and the messages become visible when their visibility ends.
 */
async function lastLook(context: SqsContext, queue: QueueAddress, poll: Poll): Promise<Message[]> {
  if (poll.attemptId === null) return [];
  const { cut: _, ...uncut } = replayOf(poll);
  const messages = await pollOnce(queue, uncut).catch(() => []);
  return messages.map((message) => readMessage(message, context.clock.wallMs()));
}

// The lost answer may have held messages. On FIFO the same id brings them back. On a standard queue
// they stay hidden until their visibility ends. Either way no caller should wait a second full poll
// for that, least of all a worker that is stopping.
function replayOf(poll: Poll): Poll {
  return { ...poll, waitMs: 0 };
}

function nextTry(queue: QueueAddress, poll: Poll, trouble: Trouble): Poll {
  const repeats = trouble === "unreachable" || poll.repeats !== undefined;
  return repeats ? replayOf(poll) : { ...poll, attemptId: freshAttemptId(queue) };
}

// A throttled request may still have been counted against its id, and SQS then refuses the id
// (amazon-sqs-java-messaging-lib#213).
function freshAttemptId(queue: QueueAddress): string | null {
  return queue.fifo ? randomUUID() : null;
}

async function pollOnce({ url, site }: QueueAddress, poll: Poll): Promise<readonly SdkMessage[]> {
  if (poll.attemptId !== null) poll.asked?.(poll.attemptId);
  const command = new ReceiveMessageCommand({
    QueueUrl: url,
    MaxNumberOfMessages: poll.max,
    WaitTimeSeconds: Math.ceil(poll.waitMs / 1000),
    VisibilityTimeout: Math.ceil(poll.visibilityMs / 1000),
    MessageSystemAttributeNames: ["All"],
    MessageAttributeNames: ["All"],
    ...(poll.attemptId === null ? {} : { ReceiveRequestAttemptId: poll.attemptId }),
  });
  const waitMs = Math.ceil(poll.waitMs / 1000) * 1000;
  const answer = await site.poll(waitMs, poll.cut, (client, options) => client.send(command, options));
  return answer.Messages ?? [];
}

function tellRetry(context: SqsContext, queue: QueueAddress, trouble: string, attempt: number): void {
  context.observe({
    event: "queue.receive_retried",
    // The gate reports the failure of the whole receive.
    level: "debug",
    message: "a receive failed and is tried again",
    queue: queue.url,
    trouble,
    attempt,
  });
}
