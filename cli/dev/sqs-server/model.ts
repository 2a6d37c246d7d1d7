// All queues of one account: names, URLs, ARNs, and who is whose dead letter queue. Synchronous and
// deterministic over an injected clock, so that simulations can use it without the HTTP server in
// front.
import type { Clock } from "../../../core/clock.ts";
import { QueueModel } from "./queue-model.ts";
import { type QueueAttributes, readSettings, writeSettings } from "./queue-settings.ts";
import { Refusal } from "./refusal.ts";

const ARN_PREFIX = "arn:aws:sqs:us-east-1:000000000000:";
const QUEUE_NAME = /^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$/;
const IN_FLIGHT_LIMIT = 120_000;

export interface SqsModelOptions {
  readonly clock: Pick<Clock, "wallMs">;
  readonly inFlightLimit?: number;
  /** Counts when left out, so that a simulation gives the same ids again. */
  readonly nextMessageId?: () => string;
}

export class SqsModel {
  readonly #options: SqsModelOptions;
  readonly #queues = new Map<string, { readonly queue: QueueModel; attributes: QueueAttributes }>();
  #messageIds = 0;

  constructor(options: SqsModelOptions) {
    this.#options = options;
  }

  /**
   * The same name with the same attributes answers with the queue that is there (service model:
   * CreateQueue).
   */
  createQueue(name: string, attributes: QueueAttributes = {}): QueueModel {
    if (!QUEUE_NAME.test(name)) {
      throw new Refusal(
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
      );
    }
    const existing = this.#queues.get(name);
    if (existing !== undefined) {
      if (sameAttributes(existing.attributes, attributes)) return existing.queue;
      throw new Refusal(
        "QueueNameExists",
        `A queue already exists with the same name and a different value for attribute(s)`,
      );
    }
    const queue = new QueueModel(this.#checkedSettings(name, attributes), {
      arn: ARN_PREFIX + name,
      nowMs: () => this.#options.clock.wallMs(),
      nextMessageId: this.#options.nextMessageId ?? (() => this.#nextMessageId()),
      deadLetterQueue: (arn) => this.#queues.get(nameOf(arn))?.queue ?? null,
      inFlightLimit: this.#options.inFlightLimit ?? IN_FLIGHT_LIMIT,
    });
    this.#queues.set(name, { queue, attributes });
    return queue;
  }

  queue(name: string): QueueModel {
    return this.#entry(name).queue;
  }

  queueNames(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** The settings, which the caller may have changed since the queue was made. */
  attributes(name: string): QueueAttributes {
    const { queue, attributes } = this.#entry(name);
    const count = (state: string) => String(queue.inspect().filter((message) => message.state === state).length);
    return {
      ...writeSettings(attributes),
      QueueArn: queue.arn,
      ApproximateNumberOfMessages: count("visible"),
      ApproximateNumberOfMessagesNotVisible: count("in_flight"),
      ApproximateNumberOfMessagesDelayed: count("delayed"),
    };
  }

  /** An empty RedrivePolicy takes the policy away. */
  setAttributes(name: string, changes: QueueAttributes): void {
    const entry = this.#entry(name);
    if (changes["FifoQueue"] !== undefined && changes["FifoQueue"] !== entry.attributes["FifoQueue"]) {
      throw new Refusal("InvalidAttributeName", "You cannot modify the FifoQueue attribute.");
    }
    const merged = Object.entries({ ...entry.attributes, ...changes }).filter(([, value]) => value !== "");
    const attributes = Object.fromEntries(merged);
    entry.queue.settings = this.#checkedSettings(name, attributes);
    entry.attributes = attributes;
  }

  // "The dead-letter queue of a FIFO queue must also be a FIFO queue", standard likewise (service
  // model: CreateQueue).
  #checkedSettings(name: string, attributes: QueueAttributes) {
    const settings = readSettings(name, attributes);
    if (settings.redrive === null) return settings;
    const target = this.#queues.get(nameOf(settings.redrive.targetArn))?.queue;
    if (target === undefined) throw redriveRefused(attributes, "Dead letter target does not exist.");
    if (target.settings.fifo !== settings.fifo) {
      throw redriveRefused(attributes, "Dead-letter queue must be same type of queue as the source.");
    }
    return settings;
  }

  #entry(name: string) {
    const entry = this.#queues.get(name);
    if (entry === undefined) throw new Refusal("QueueDoesNotExist", "The specified queue does not exist.");
    return entry;
  }

  /**
   * As those of SQS, they differ from the first digits on: the odd factor scatters the numbers,
   * each to one of its own.
   */
  #nextMessageId(): string {
    this.#messageIds += 1;
    const scattered = (Math.imul(this.#messageIds, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
    return `${scattered}-0000-4000-8000-${String(this.#messageIds).padStart(12, "0")}`;
  }
}

function nameOf(arn: string): string {
  return arn.split(":").at(-1) ?? "";
}

function sameAttributes(a: QueueAttributes, b: QueueAttributes): boolean {
  const text = (attributes: QueueAttributes) => JSON.stringify(Object.entries(writeSettings(attributes)).sort());
  return text(a) === text(b);
}

function redriveRefused(attributes: QueueAttributes, reason: string): Refusal {
  return new Refusal(
    "InvalidParameterValue",
    `Value ${attributes["RedrivePolicy"]} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
  );
}
