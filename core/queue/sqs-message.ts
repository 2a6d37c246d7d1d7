// Reads a message as the SDK gives it.
import type { MessageAttributeValue, Message as SdkMessage } from "@aws-sdk/client-sqs";
import type { Message, MessageAttribute } from "./port.ts";
import { readInstant, readNumber } from "./sqs-numbers.ts";

/** `nowMs` stands in for a time that the server does not tell, or not as a number; SQS always tells, emulators may not. */
export function readMessage(message: SdkMessage, nowMs: number): Message {
  const system = message.Attributes ?? {};
  return {
    id: message.MessageId ?? "",
    receipt: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    groupId: system.MessageGroupId ?? null,
    deduplicationId: system.MessageDeduplicationId ?? null,
    receiveCount: Math.max(1, readNumber(system.ApproximateReceiveCount ?? "") ?? 1),
    sentAtMs: readInstant(system.SentTimestamp ?? "") ?? nowMs,
    firstReceivedAtMs: readInstant(system.ApproximateFirstReceiveTimestamp ?? "") ?? nowMs,
    attributes: readAttributes(message.MessageAttributes ?? {}),
    ...(system.DeadLetterQueueSourceArn === undefined ? {} : { movedFrom: system.DeadLetterQueueSourceArn }),
  };
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
