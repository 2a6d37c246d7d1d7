// Finds the queue and its dead letter queue, and reads what they say of themselves.
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { Fault } from "../faults.ts";
import type { QueueDepth, QueueFacts } from "./port.ts";
import { addressOf, type QueueAddress, type SqsContext } from "./sqs-context.ts";
import { queueFault } from "./sqs-errors.ts";

/** A queue as an operator names it. `owner` is the account, when it is not the credentials' own. */
export type QueueRef = { readonly url: string } | { readonly name: string; readonly owner?: string };

export async function findQueue(context: SqsContext, ref: QueueRef): Promise<QueueAddress> {
  if ("url" in ref) return addressOf(ref.url);
  const owner = ref.owner === undefined ? {} : { QueueOwnerAWSAccountId: ref.owner };
  try {
    const answer = await context.clients.calls.send(new GetQueueUrlCommand({ QueueName: ref.name, ...owner }));
    return addressOf(answer.QueueUrl ?? "");
  } catch (error) {
    throw queueFault("GetQueueUrl", ref.name, error);
  }
}

/** `given` wins over the queue's own redrive policy. */
export async function readFacts(context: SqsContext, queue: QueueAddress, given: QueueRef | null): Promise<QueueFacts> {
  const attributes = await readAttributes(context, queue.url);
  const redrive = readRedrivePolicy(queue.url, attributes["RedrivePolicy"]);
  const deadLetterRef = given ?? redrive?.target ?? null;
  const deadLetter = deadLetterRef === null ? null : await findQueue(context, deadLetterRef);
  if (deadLetter !== null) await checkDeadLetterQueue(context, queue, deadLetter);
  return {
    url: queue.url,
    fifo: queue.fifo,
    deadLetterUrl: deadLetter?.url ?? null,
    maxReceiveCount: redrive?.maxReceiveCount ?? null,
    retentionMs: Number(attributes["MessageRetentionPeriod"]) * 1000,
  };
}

export async function readDepth(context: SqsContext, queue: QueueAddress): Promise<QueueDepth> {
  const attributes = await readAttributes(context, queue.url);
  return {
    visible: Number(attributes["ApproximateNumberOfMessages"] ?? 0),
    inFlight: Number(attributes["ApproximateNumberOfMessagesNotVisible"] ?? 0),
    delayed: Number(attributes["ApproximateNumberOfMessagesDelayed"] ?? 0),
  };
}

// "All", since asking a queue for an attribute that its type does not have is an error.
export async function readAttributes(context: SqsContext, url: string): Promise<Readonly<Record<string, string>>> {
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
    return (await context.clients.calls.send(command)).Attributes ?? {};
  } catch (error) {
    throw queueFault("GetQueueAttributes", url, error);
  }
}

// SQS itself refuses such a redrive policy, but ours may have been given by hand; found at start rather than at the first bury.
async function checkDeadLetterQueue(context: SqsContext, queue: QueueAddress, deadLetter: QueueAddress): Promise<void> {
  if (deadLetter.url === queue.url) {
    throw new Fault("TQ_CONFIG", `the queue ${queue.url} is its own dead letter queue`, {
      hint: "Name another queue.",
    });
  }
  if (deadLetter.fifo !== queue.fifo) {
    const kind = (address: QueueAddress) => (address.fifo ? "a FIFO queue" : "a standard queue");
    const message = `the queue ${queue.url} is ${kind(queue)}, its dead letter queue ${deadLetter.url} is ${kind(deadLetter)}`;
    throw new Fault("TQ_CONFIG", message, { hint: "Both must be of one type." });
  }
  await checkExists(context, deadLetter);
}

// A worker needs no more than SendMessage on the dead letter queue, so not being allowed to look at it is no reason to stop.
async function checkExists(context: SqsContext, deadLetter: QueueAddress): Promise<void> {
  try {
    await readAttributes(context, deadLetter.url);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "TQ_QUEUE_DENIED") throw error;
    context.observe({
      event: "queue.dead_letter_unchecked",
      level: "warn",
      message: error.message,
      queue: deadLetter.url,
    });
  }
}

interface Redrive {
  readonly target: QueueRef;
  readonly maxReceiveCount: number;
}

function readRedrivePolicy(queueUrl: string, text: string | undefined): Redrive | null {
  if (text === undefined || text === "") return null;
  const policy: { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown } = JSON.parse(text);
  const [, , service, , owner, name] = String(policy.deadLetterTargetArn).split(":");
  if (service !== "sqs" || owner === undefined || name === undefined) {
    throw new Fault("TQ_QUEUE", `the redrive policy of the queue ${queueUrl} names no SQS queue: ${text}`);
  }
  return { target: { name, owner }, maxReceiveCount: Number(policy.maxReceiveCount) };
}
