// What tests need of any SQS server on this machine: queues, messages put in, and a look inside
// that receives nothing.
import { Buffer } from "node:buffer";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { MessageAttribute } from "../../../core/queue/port.ts";
import { writeAttribute } from "../../../core/queue/sqs/message.ts";

/** Nothing checks them, but the SDK signs nothing without. */
export const LOCAL_CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" };
export const LOCAL_REGION = "us-east-1";

export interface LocalSqs {
  readonly endpoint: string;
  /** Every message of a queue, none of them received by it. */
  inspect(queueName: string): Promise<readonly InspectedMessage[]>;
  stop(): Promise<void>;
}

export interface InspectedMessage {
  readonly id: string;
  readonly body: string;
  readonly state: "visible" | "in_flight" | "delayed";
  readonly groupId: string | null;
  readonly deduplicationId: string | null;
  readonly receiveCount: number;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
}

export interface QueuePairOptions {
  readonly fifo?: boolean;
  /** Of the redrive policy. `null` means no policy, and no dead letter queue is made. */
  readonly maxReceiveCount?: number | null;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface QueuePair {
  readonly name: string;
  readonly url: string;
  readonly deadLetterName: string;
  readonly deadLetterUrl: string;
}

/** `steps` makes `steps.fifo` with `steps-dlq.fifo` behind it, or the same as standard queues. */
export async function createQueues(local: LocalSqs, base: string, options: QueuePairOptions = {}): Promise<QueuePair> {
  const { fifo = true, maxReceiveCount = 5 } = options;
  const suffix = fifo ? ".fifo" : "";
  const type: Record<string, string> = fifo ? { FifoQueue: "true" } : {};
  const name = base + suffix;
  const deadLetterName = `${base}-dlq${suffix}`;
  const client = clientOf(local);
  const create = (QueueName: string, Attributes: Record<string, string>) =>
    client.send(new CreateQueueCommand({ QueueName, Attributes }));
  if (maxReceiveCount !== null) await create(deadLetterName, type);
  await create(name, { ...type, ...redriveTo(deadLetterName, maxReceiveCount), ...options.attributes });
  client.destroy();
  return { name, url: urlOf(local, name), deadLetterName, deadLetterUrl: urlOf(local, deadLetterName) };
}

export interface TestMessage {
  readonly body: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>>;
}

/** Answers the message id. */
export async function sendMessage(
  local: Pick<LocalSqs, "endpoint">,
  url: string,
  message: TestMessage,
): Promise<string> {
  const client = clientOf(local);
  const attributes = Object.entries(message.attributes ?? {}).map(([name, value]) => [name, writeAttribute(value)]);
  const command = new SendMessageCommand({
    QueueUrl: url,
    MessageBody: message.body,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    MessageAttributes: Object.fromEntries(attributes),
  });
  const { MessageId } = await client.send(command);
  client.destroy();
  return MessageId ?? "";
}

/** The variables by which AWS's SDKs find it. */
export function awsVariables({ endpoint }: Pick<LocalSqs, "endpoint">) {
  return {
    AWS_ENDPOINT_URL_SQS: endpoint,
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  };
}

/** Works on either server whatever it calls itself: both go by the last part. */
export function urlOf(local: LocalSqs, name: string): string {
  return `${local.endpoint}/000000000000/${name}`;
}

/** Attributes as they stand in the protocol's JSON. */
export function readWireAttributes(attributes: Record<string, WireAttribute>): Record<string, MessageAttribute> {
  const read = ({ DataType, StringValue, BinaryValue }: WireAttribute): MessageAttribute => ({
    dataType: DataType,
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: new Uint8Array(Buffer.from(BinaryValue, "base64")) }),
  });
  return Object.fromEntries(Object.entries(attributes).map(([name, attribute]) => [name, read(attribute)]));
}

export interface WireAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: string;
}

function clientOf(local: Pick<LocalSqs, "endpoint">): SQSClient {
  return new SQSClient({ endpoint: local.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
}

function redriveTo(deadLetterName: string, maxReceiveCount: number | null): Record<string, string> {
  if (maxReceiveCount === null) return {};
  const deadLetterTargetArn = `arn:aws:sqs:${LOCAL_REGION}:000000000000:${deadLetterName}`;
  return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) };
}
