// Finds the queue and its dead letter queue, and reads what they say of themselves.
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import { Fault } from "../../faults.ts";
import { parseJson } from "../../formats/json.ts";
import { shortened } from "../../formats/shortened.ts";
import type { QueueDepth, QueueFacts } from "../port.ts";
import { addressOf, type QueueAddress, type SqsContext } from "./context.ts";
import { queueFault } from "./errors.ts";
import { readNumber } from "./numbers.ts";
import type { Site } from "./site.ts";

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

/** A name is looked up at `near`, where the queue is that it belongs to. */
export async function findQueue(context: SqsContext, ref: QueueRef, near?: Site): Promise<QueueAddress> {
  if ("url" in ref) return addressOf(ref.url, context.sites.at(ref.url));
  const site = near ?? context.sites.at(null);
  const owner = ref.owner === undefined ? {} : { QueueOwnerAWSAccountId: ref.owner };
  try {
    const command = new GetQueueUrlCommand({ QueueName: ref.name, ...owner });
    const { QueueUrl: url } = await site.call((client, options) => client.send(command, options));
    if (typeof url === "string" && URL.canParse(url)) return addressOf(url, site);
    throw new Fault("TQ_QUEUE", `SQS answers GetQueueUrl for the queue ${ref.name} without a URL`);
  } catch (error) {
    throw queueFault("GetQueueUrl", ref.name, error);
  }
}

/** What a queue says of itself, and where it and its dead letter queue are. */
export interface FoundFacts {
  readonly queue: QueueAddress;
  readonly deadLetter: QueueAddress | null;
  readonly facts: QueueFacts;
}

/** `given` wins over the queue's own redrive policy, and needs no leave to read it. */
export async function readFacts(context: SqsContext, queue: QueueAddress, given: QueueRef | null): Promise<FoundFacts> {
  const read = given === null ? readAttributes : readAttributesIfAllowed;
  const attributes = (await read(queue)) ?? {};
  const redrive = readRedrivePolicy(queue.url, attributes["RedrivePolicy"]);
  const ref = given ?? redrive?.target ?? null;
  const deadLetter = ref === null ? null : await findQueue(context, ref, queue.site);
  const facts = {
    url: queue.url,
    fifo: queue.fifo,
    deadLetterUrl: deadLetter?.url ?? null,
    maxReceiveCount: redrive?.maxReceiveCount ?? null,
    retentionMs: readRetention(attributes),
  };
  return { queue, deadLetter, facts };
}

export async function readDepth(queue: QueueAddress): Promise<QueueDepth> {
  return depthOf(queue.url, await readAttributes(queue));
}

/**
 * Throws a `Fault` for a count that is none: taken for zero, it would say that the queue is empty.
 */
export function depthOf(url: string, attributes: QueueText): QueueDepth {
  const count = (name: string) => {
    const text = attributes[name] ?? "0";
    const read = readNumber(text);
    if (read === null)
      throw new Fault("TQ_QUEUE", `the queue ${url}, attribute ${name}: expected a number, got ${shown(text)}`);
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

/**
 * Milliseconds; null for what a server does not tell, or not as a number. SQS tells all, emulators
 * may not.
 */
export function readSeconds(text: string | undefined): number | null {
  const seconds = readNumber(text ?? "");
  return seconds !== null && seconds <= LONGEST_SECONDS ? seconds * 1_000 : null;
}

// "All", since asking a queue for an attribute that its type does not have is an error.
export async function readAttributes({ url, site }: QueueAddress): Promise<QueueText> {
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
    const answer = await site.call((client, options) => client.send(command, options));
    const attributes: object = answer.Attributes ?? {};
    return Object.fromEntries(Object.entries(attributes).filter(([, text]) => typeof text === "string"));
  } catch (error) {
    throw queueFault("GetQueueAttributes", url, error);
  }
}

/**
 * Null when these credentials must not look; whether they may receive and send is another question.
 */
export async function readAttributesIfAllowed(queue: QueueAddress): Promise<QueueText | null> {
  try {
    return await readAttributes(queue);
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
  return JSON.stringify(shortened(text, LONGEST_SHOWN));
}
