// A queue's attributes: SQS's names and strings outside, milliseconds inside.
import { LARGEST_MESSAGE } from "./limits.ts";
import { Refusal } from "./refusal.ts";

export interface QueueSettings {
  readonly fifo: boolean;
  readonly contentBasedDeduplication: boolean;
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly retentionMs: number;
  readonly waitMs: number;
  readonly largestMessage: number;
  readonly redrive: { readonly targetArn: string; readonly maxReceiveCount: number } | null;
}

/** As SQS takes and gives them. */
export type QueueAttributes = Readonly<Record<string, string>>;

interface Range {
  readonly initial: number;
  readonly least: number;
  readonly most: number;
}

// Service model: CreateQueue.
const NUMBERS: Readonly<Record<string, Range>> = {
  VisibilityTimeout: { initial: 30, least: 0, most: 43_200 },
  DelaySeconds: { initial: 0, least: 0, most: 900 },
  MessageRetentionPeriod: { initial: 345_600, least: 60, most: 1_209_600 },
  ReceiveMessageWaitTimeSeconds: { initial: 0, least: 0, most: 20 },
  MaximumMessageSize: { initial: LARGEST_MESSAGE, least: 1_024, most: LARGEST_MESSAGE },
};
const BOOLEANS = ["FifoQueue", "ContentBasedDeduplication"];

export function readSettings(name: string, attributes: QueueAttributes): QueueSettings {
  for (const key of Object.keys(attributes)) checkName(key);
  const fifo = readBoolean(attributes, "FifoQueue");
  // The suffix and the attribute must agree (service model: CreateQueue, QueueName).
  if (fifo !== name.endsWith(".fifo")) {
    throw new Refusal(
      "InvalidParameterValue",
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
    );
  }
  return {
    fifo,
    contentBasedDeduplication: readBoolean(attributes, "ContentBasedDeduplication"),
    visibilityMs: readNumber(attributes, "VisibilityTimeout") * 1000,
    delayMs: readNumber(attributes, "DelaySeconds") * 1000,
    retentionMs: readNumber(attributes, "MessageRetentionPeriod") * 1000,
    waitMs: readNumber(attributes, "ReceiveMessageWaitTimeSeconds") * 1000,
    largestMessage: readNumber(attributes, "MaximumMessageSize"),
    redrive: readRedrive(attributes["RedrivePolicy"]),
  };
}

/**
 * The queue's own settings as GetQueueAttributes tells them; a standard queue has no FIFO
 * attributes.
 */
export function writeSettings(attributes: QueueAttributes): QueueAttributes {
  const numbers = Object.entries(NUMBERS).map(([name, { initial }]) => [name, attributes[name] ?? String(initial)]);
  const fifo = attributes["FifoQueue"] === "true" ? { ContentBasedDeduplication: "false" } : {};
  return { ...fifo, ...Object.fromEntries(numbers), ...attributes };
}

function checkName(name: string): void {
  const known = name in NUMBERS || BOOLEANS.includes(name) || name === "RedrivePolicy";
  if (!known) throw new Refusal("InvalidAttributeName", `Unknown Attribute ${name}.`);
}

function readNumber(attributes: QueueAttributes, name: string): number {
  const range = NUMBERS[name];
  const value = Number(attributes[name] ?? range?.initial);
  if (range === undefined || !Number.isInteger(value) || value < range.least || value > range.most) {
    throw new Refusal("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);
  }
  return value;
}

function readBoolean(attributes: QueueAttributes, name: string): boolean {
  const value = attributes[name] ?? "false";
  if (value !== "true" && value !== "false")
    throw new Refusal("InvalidAttributeValue", `Invalid value for the parameter ${name}.`);
  return value === "true";
}

function readRedrive(text: string | undefined): QueueSettings["redrive"] {
  if (text === undefined || text === "") return null;
  const policy: { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown } = JSON.parse(text);
  // maxReceiveCount is 1 to 1,000, and 10 when left out (service model, and guide, "configure a
  // dead-letter queue").
  const maxReceiveCount = Number(policy.maxReceiveCount ?? 10);
  const inRange = Number.isInteger(maxReceiveCount) && maxReceiveCount >= 1 && maxReceiveCount <= 1_000;
  if (typeof policy.deadLetterTargetArn !== "string" || !inRange) {
    throw new Refusal("InvalidAttributeValue", `Value ${text} for parameter RedrivePolicy is invalid.`);
  }
  return { targetArn: policy.deadLetterTargetArn, maxReceiveCount };
}
