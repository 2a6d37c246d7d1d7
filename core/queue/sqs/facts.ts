// Finds the queue and its dead letter queue, and reads what they say of themselves.
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import { Fault } from "../../faults.ts";
import { parseJson } from "../../json.ts";
import type { QueueDepth, QueueFacts } from "../port.ts";
import { addressOf, type QueueAddress, type SqsContext } from "./context.ts";
import { queueFault } from "./errors.ts";
import { readNumber } from "./numbers.ts";

/** A queue as an operator names it. `owner` is the account, when it is not the credentials' own. */
export type QueueRef = { readonly url: string } | { readonly name: string; readonly owner?: string };

/** Where a redrive policy says nothing (developer guide, "configure a dead-letter queue"). */
const DEFAULT_MAX_RECEIVES = 10;

/** SQS writes the count as a number, and takes a text for one. */
const Policy = v.object({
  deadLetterTargetArn: v.string(),
  maxReceiveCount: v.optional(v.union([v.number(), v.string()]), DEFAULT_MAX_RECEIVES),
});

const LONGEST_SHOWN = 60;
/** Longer than anything is kept, and a date when it is added to one. */
const LONGEST_SECONDS = 1e9;

/** Attributes as SQS writes them. */
export type QueueText = Readonly<Record<string, string>>;

export async function findQueue(context: SqsContext, ref: QueueRef): Promise<QueueAddress> {
  if ("url" in ref) return addressOf(ref.url);
  const owner = ref.owner === undefined ? {} : { QueueOwnerAWSAccountId: ref.owner };
  try {
    const answer = await context.clients.calls.send(new GetQueueUrlCommand({ QueueName: ref.name, ...owner }));
    if (typeof answer.QueueUrl === "string" && URL.canParse(answer.QueueUrl)) return addressOf(answer.QueueUrl);
    throw new Fault("TQ_QUEUE", `SQS answers GetQueueUrl for the queue ${ref.name} without a URL`);
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
  return depthOf(queue.url, await readAttributes(context, queue.url));
}

/** Throws a `Fault` for a count that is none: taken for zero, it would say that the queue is empty. */
export function depthOf(url: string, attributes: QueueText): QueueDepth {
  const count = (name: string) => {
    const text = attributes[name] ?? "0";
    const read = readNumber(text);
    if (read === null) throw new Fault("TQ_QUEUE", `the queue ${url} says of ${name}: ${shown(text)}`);
    return read;
  };
  return {
    visible: count("ApproximateNumberOfMessages"),
    inFlight: count("ApproximateNumberOfMessagesNotVisible"),
    delayed: count("ApproximateNumberOfMessagesDelayed"),
  };
}

export function readRetention(attributes: QueueText): number | null {
  return readSeconds(attributes["MessageRetentionPeriod"]);
}

/** Milliseconds; null for what a server does not tell, or not as a number. SQS tells all, emulators may not. */
export function readSeconds(text: string | undefined): number | null {
  const seconds = readNumber(text ?? "");
  return seconds !== null && seconds <= LONGEST_SECONDS ? seconds * 1_000 : null;
}

// "All", since asking a queue for an attribute that its type does not have is an error.
export async function readAttributes(context: SqsContext, url: string): Promise<QueueText> {
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
    const told: object = (await context.clients.calls.send(command)).Attributes ?? {};
    return Object.fromEntries(Object.entries(told).filter(([, text]) => typeof text === "string"));
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
  const read = v.safeParse(Policy, parseJson(text));
  const [, , service, , owner, name] = read.success ? read.output.deadLetterTargetArn.split(":") : [];
  if (!read.success || service !== "sqs" || owner === undefined || name === undefined) {
    throw new Fault("TQ_QUEUE", `the redrive policy of the queue ${queueUrl} names no SQS queue: ${shown(text)}`);
  }
  const count = read.output.maxReceiveCount;
  const maxReceiveCount = readNumber(String(count));
  if (maxReceiveCount !== null) return { target: { name, owner }, maxReceiveCount };
  throw new Fault(
    "TQ_QUEUE",
    `the redrive policy of the queue ${queueUrl} has no whole maxReceiveCount: ${shown(text)}`,
  );
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, LONGEST_SHOWN));
}
