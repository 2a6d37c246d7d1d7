// Finds the queue and its dead letter queue, and reads what they say of themselves.
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { Fault } from "../faults.ts";
import type { QueueDepth, QueueFacts } from "./port.ts";
import { addressOf, type QueueAddress, type SqsContext } from "./sqs-context.ts";
import { queueFault } from "./sqs-errors.ts";

/** A queue as an operator names it. `owner` is the account, when it is not the credentials' own. */
export type QueueRef = { readonly url: string } | { readonly name: string; readonly owner?: string };

/** Where a redrive policy says nothing (developer guide, "configure a dead-letter queue"). */
const DEFAULT_MAX_RECEIVES = 10;

/** Attributes as SQS writes them. */
export type QueueText = Readonly<Record<string, string>>;

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

/** `given` wins over the queue's own redrive policy, and needs no leave to read it. */
export async function readFacts(context: SqsContext, queue: QueueAddress, given: QueueRef | null): Promise<QueueFacts> {
  const read = given === null ? readAttributes : readAttributesIfAllowed;
  const attributes = (await read(context, queue.url)) ?? {};
  const redrive = readRedrivePolicy(queue.url, attributes["RedrivePolicy"]);
  const ref = given ?? redrive?.target ?? null;
  return {
    url: queue.url,
    fifo: queue.fifo,
    deadLetterUrl: ref === null ? null : (await findQueue(context, ref)).url,
    maxReceiveCount: redrive?.maxReceiveCount ?? null,
    retentionMs: readRetention(attributes),
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

export function readRetention(attributes: QueueText): number | null {
  const seconds = attributes["MessageRetentionPeriod"];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}

// "All", since asking a queue for an attribute that its type does not have is an error.
export async function readAttributes(context: SqsContext, url: string): Promise<QueueText> {
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
    return (await context.clients.calls.send(command)).Attributes ?? {};
  } catch (error) {
    throw queueFault("GetQueueAttributes", url, error);
  }
}

/** Null when these credentials must not look; whether they may receive and send is another question. */
export async function readAttributesIfAllowed(context: SqsContext, url: string): Promise<QueueText | null> {
  try {
    return await readAttributes(context, url);
  } catch (error) {
    if (error instanceof Fault && error.code === "TQ_QUEUE_DENIED") return null;
    throw error;
  }
}

interface Redrive {
  readonly target: { readonly name: string; readonly owner: string };
  readonly maxReceiveCount: number;
}

export function readRedrivePolicy(queueUrl: string, text: string | undefined): Redrive | null {
  if (text === undefined || text === "") return null;
  const policy: { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown } = JSON.parse(text);
  const [, , service, , owner, name] = String(policy.deadLetterTargetArn).split(":");
  if (service !== "sqs" || owner === undefined || name === undefined) {
    throw new Fault("TQ_QUEUE", `the redrive policy of the queue ${queueUrl} names no SQS queue: ${text}`);
  }
  return { target: { name, owner }, maxReceiveCount: Number(policy.maxReceiveCount ?? DEFAULT_MAX_RECEIVES) };
}
