// Reads a message as the SDK gives it.
import type { MessageAttributeValue, Message as SdkMessage } from "@aws-sdk/client-sqs";
import type { Message, MessageAttribute } from "../port.ts";
import { readInstant, readNumber } from "./numbers.ts";

/**
 * `nowMs` stands in for a time that the server does not tell, or not as a number; SQS always tells,
 * emulators may not.
 */
export function readMessage(message: SdkMessage, nowMs: number): Message {
  const system = message.Attributes ?? {};
  return {
    id: textOf(message.MessageId) ?? "",
    receipt: textOf(message.ReceiptHandle) ?? "",
    body: textOf(message.Body) ?? "",
    groupId: textOf(system.MessageGroupId),
    deduplicationId: textOf(system.MessageDeduplicationId),
    receiveCount: Math.max(1, readNumber(system.ApproximateReceiveCount ?? "") ?? 1),
    sentAtMs: readInstant(system.SentTimestamp ?? "") ?? nowMs,
    firstReceivedAtMs: readInstant(system.ApproximateFirstReceiveTimestamp ?? "") ?? nowMs,
    attributes: readAttributes(message.MessageAttributes ?? {}),
    ...(system.DeadLetterQueueSourceArn === undefined ? {} : { movedFrom: system.DeadLetterQueueSourceArn }),
  };
}

/** The SDK passes on whatever a server puts in a text's place. */
function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function readAttributes(attributes: Record<string, MessageAttributeValue>): Record<string, MessageAttribute> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, readAttribute(value)]));
}

function readAttribute(value: MessageAttributeValue): MessageAttribute {
  return {
    dataType: value.DataType ?? "String",
    ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
    ...(value.BinaryValue === undefined ? {} : { binaryValue: value.BinaryValue }),
  };
}

export function writeAttribute(attribute: MessageAttribute): MessageAttributeValue {
  return {
    DataType: attribute.dataType,
    ...(attribute.stringValue === undefined ? {} : { StringValue: attribute.stringValue }),
    ...(attribute.binaryValue === undefined ? {} : { BinaryValue: attribute.binaryValue }),
  };
}
