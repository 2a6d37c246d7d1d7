// The protocol's actions, each over the model. All answer at once, except ReceiveMessage, which may
// wait.
import type { Clock } from "../../../core/clock.ts";
import { checkBatchSize, forEachEntry } from "./batch-entries.ts";
import { receiveOrWait } from "./long-poll.ts";
import type { SqsModel } from "./model.ts";
import type { QueueModel } from "./queue-model.ts";
import type { QueueAttributes } from "./queue-settings.ts";
import { invalidParameter, missingParameter } from "./refusal.ts";
import { type Input, listOf, msOf, type Output, readSending, textOf, writeMessage, writeSent } from "./wire.ts";

export interface ActionContext {
  readonly model: SqsModel;
  readonly clock: Clock;
  /** Of this server; queue URLs begin with it. */
  readonly baseUrl: string;
  /** Ends every wait. */
  readonly stopped: AbortSignal;
}

export type Action = (context: ActionContext, input: Input) => Output | Promise<Output>;

export const ACTIONS: Readonly<Record<string, Action>> = {
  CreateQueue: ({ model, baseUrl }, input) => {
    const name = required(input, "QueueName");
    model.createQueue(name, attributesOf(input));
    return { QueueUrl: urlOf(baseUrl, name) };
  },
  GetQueueUrl: ({ model, baseUrl }, input) => {
    const name = required(input, "QueueName");
    model.queue(name);
    return { QueueUrl: urlOf(baseUrl, name) };
  },
  ListQueues: ({ model, baseUrl }, input) => {
    const prefix = textOf(input, "QueueNamePrefix") ?? "";
    const names = model.queueNames().filter((name) => name.startsWith(prefix));
    return { QueueUrls: names.map((name) => urlOf(baseUrl, name)) };
  },
  GetQueueAttributes: ({ model }, input) => {
    const all = model.attributes(nameFrom(input));
    const wanted = listOf(input, "AttributeNames");
    const entries = Object.entries(all).filter(([name]) => wanted.includes("All") || wanted.includes(name));
    return { Attributes: Object.fromEntries(entries) };
  },
  SetQueueAttributes: ({ model }, input) => {
    model.setAttributes(nameFrom(input), attributesOf(input));
    return {};
  },
  PurgeQueue: (context, input) => {
    queueFrom(context, input).purge();
    return {};
  },
  SendMessage: (context, input) => send(queueFrom(context, input), input),
  SendMessageBatch: (context, input) => {
    const queue = queueFrom(context, input);
    checkBatchSize(input);
    return forEachEntry(input, (entry) => send(queue, entry));
  },
  ReceiveMessage: receive,
  DeleteMessage: (context, input) => remove(queueFrom(context, input), input),
  DeleteMessageBatch: (context, input) => {
    const queue = queueFrom(context, input);
    return forEachEntry(input, (entry) => remove(queue, entry));
  },
  ChangeMessageVisibility: (context, input) => changeVisibility(queueFrom(context, input), input),
  ChangeMessageVisibilityBatch: (context, input) => {
    const queue = queueFrom(context, input);
    return forEachEntry(input, (entry) => changeVisibility(queue, entry));
  },
};

/** The queue's name, its URL's last part; account and host do not matter here. */
export function nameFrom(input: Input): string {
  return required(input, "QueueUrl").split("/").at(-1) ?? "";
}

function queueFrom({ model }: ActionContext, input: Input): QueueModel {
  return model.queue(nameFrom(input));
}

function send(queue: QueueModel, input: Input): Output {
  const sending = readSending(input);
  return writeSent(sending, queue.send(sending));
}

function remove(queue: QueueModel, input: Input): Output {
  queue.delete(required(input, "ReceiptHandle"));
  return {};
}

function changeVisibility(queue: QueueModel, input: Input): Output {
  const visibilityMs = msOf(input, "VisibilityTimeout");
  if (visibilityMs === null) throw missingParameter("VisibilityTimeout");
  queue.changeVisibility(required(input, "ReceiptHandle"), visibilityMs);
  return {};
}

async function receive(context: ActionContext, input: Input): Promise<Output> {
  const queue = queueFrom(context, input);
  const waitMs = msOf(input, "WaitTimeSeconds") ?? queue.settings.waitMs;
  if (waitMs < 0 || waitMs > 20_000) {
    throw invalidParameter("WaitTimeSeconds", waitMs / 1000, "Must be >= 0 and <= 20, if provided.");
  }
  const receiving = {
    max: typeof input["MaxNumberOfMessages"] === "number" ? input["MaxNumberOfMessages"] : 1,
    visibilityMs: msOf(input, "VisibilityTimeout"),
    attemptId: textOf(input, "ReceiveRequestAttemptId"),
  };
  const messages = await receiveOrWait(queue, receiving, { waitMs, clock: context.clock, stopped: context.stopped });
  const wanted = {
    systemAttributes: [...listOf(input, "AttributeNames"), ...listOf(input, "MessageSystemAttributeNames")],
    messageAttributes: listOf(input, "MessageAttributeNames"),
  };
  return messages.length === 0 ? {} : { Messages: messages.map((message) => writeMessage(message, wanted)) };
}

function attributesOf(input: Input): QueueAttributes {
  return (input["Attributes"] ?? {}) as QueueAttributes;
}

function required(input: Input, name: string): string {
  const value = textOf(input, name);
  if (value === null) throw missingParameter(name);
  return value;
}

function urlOf(baseUrl: string, name: string): string {
  return `${baseUrl}/000000000000/${name}`;
}
