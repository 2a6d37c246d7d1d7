// The JSON shapes of the protocol (service model, `AwsJson1.0`) and how they map to the model's
// data.
import { Buffer } from "node:buffer";
import type { MessageAttribute } from "../../../core/queue/port.ts";
import { md5OfAttributes, md5OfBody } from "./md5.ts";
import type { Sending } from "./sending.ts";
import type { MessageView } from "./stored-message.ts";

/** A request's members, as they came: only what an action reads is looked at. */
export type Input = Readonly<Record<string, unknown>>;
export type Output = Readonly<Record<string, unknown>>;

export interface WireAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  /** Base64. */
  readonly BinaryValue?: string;
}

export function textOf(input: Input, name: string): string | null {
  const value = input[name];
  return typeof value === "string" ? value : null;
}

/** Seconds on the wire, milliseconds inside. */
export function msOf(input: Input, name: string): number | null {
  const value = input[name];
  return typeof value === "number" ? value * 1000 : null;
}

export function listOf(input: Input, name: string): readonly unknown[] {
  const value = input[name];
  return Array.isArray(value) ? value : [];
}

export function readSending(input: Input): Sending {
  return {
    body: textOf(input, "MessageBody") ?? "",
    attributes: readAttributes(input["MessageAttributes"]),
    groupId: textOf(input, "MessageGroupId"),
    deduplicationId: textOf(input, "MessageDeduplicationId"),
    delayMs: msOf(input, "DelaySeconds"),
  };
}

export function writeSent(sending: Sending, sent: { messageId: string; sequence: number }): Output {
  return {
    MessageId: sent.messageId,
    MD5OfMessageBody: md5OfBody(sending.body),
    MD5OfMessageAttributes: md5OfAttributes(sending.attributes ?? {}),
    SequenceNumber: sending.groupId === null ? undefined : String(sent.sequence).padStart(20, "0"),
  };
}

export interface Wanted {
  readonly systemAttributes: readonly unknown[];
  readonly messageAttributes: readonly unknown[];
}

export function writeMessage(message: MessageView, wanted: Wanted): Output {
  const attributes = wantedOf(message.attributes, wanted.messageAttributes);
  const system = wantedOf(systemAttributes(message), wanted.systemAttributes);
  return {
    MessageId: message.id,
    ReceiptHandle: message.receive?.receipt,
    Body: message.body,
    MD5OfBody: md5OfBody(message.body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
    Attributes: Object.keys(system).length === 0 ? undefined : system,
    MessageAttributes: writeAttributes(attributes),
  };
}

function systemAttributes(message: MessageView): Record<string, string> {
  const all = {
    SenderId: "AIDAEXAMPLE",
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    SequenceNumber: message.deduplicationId === null ? null : String(message.sequence).padStart(20, "0"),
    DeadLetterQueueSourceArn: message.deadLetterSourceArn,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null));
}

// Names, "All" or ".*", or a prefix such as "trace.*" (service model: MessageAttributeNames).
function wantedOf<Value>(all: Readonly<Record<string, Value>>, names: readonly unknown[]): Record<string, Value> {
  const isWanted = (attribute: string) =>
    names.some((name) => {
      if (name === "All" || name === ".*" || name === attribute) return true;
      return typeof name === "string" && name.endsWith(".*") && attribute.startsWith(name.slice(0, -1));
    });
  return Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name)));
}

function readAttributes(value: unknown): Record<string, MessageAttribute> {
  const attributes = Object.entries((value ?? {}) as Record<string, WireAttribute>);
  return Object.fromEntries(attributes.map(([name, attribute]) => [name, readAttribute(attribute)]));
}

function readAttribute({ DataType, StringValue, BinaryValue }: WireAttribute): MessageAttribute {
  return {
    dataType: DataType,
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue, "base64") }),
  };
}

export function writeAttributes(
  attributes: Readonly<Record<string, MessageAttribute>>,
): Record<string, WireAttribute> | undefined {
  const entries = Object.entries(attributes);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([name, attribute]) => [name, writeAttribute(attribute)]));
}

function writeAttribute({ dataType, stringValue, binaryValue }: MessageAttribute): WireAttribute {
  return {
    DataType: dataType,
    ...(stringValue === undefined ? {} : { StringValue: stringValue }),
    ...(binaryValue === undefined ? {} : { BinaryValue: Buffer.from(binaryValue).toString("base64") }),
  };
}
