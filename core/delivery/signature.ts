// Signatures of messages: an HMAC-SHA256 over the exact bytes of the body, in a message attribute. Python's executor makes the same.
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { producerAttributes } from "../queue/dead-letter-note.ts";
import type { Message } from "../queue/port.ts";

export const SIGNATURE_ATTRIBUTE = "taskiq-signature";

const KEY_MISSING = "Its sender is not a run worker of this deployment, or lacks TASKIQ_ENVELOPE_KEY";

/** Hex, with the version of the scheme in front. */
export function signatureOf(body: string, key: string): string {
  return `v1=${createHmac("sha256", key).update(body).digest("hex")}`;
}

/** Null if one of the keys made the message's signature, or if there are no keys: then anyone who may send is trusted. */
export function whyUnsigned(
  message: Pick<Message, "body" | "attributes">,
  keys: readonly string[] | undefined,
): string | null {
  if (keys === undefined || keys.length === 0) return null;
  const given = producerAttributes(message)[SIGNATURE_ATTRIBUTE]?.stringValue;
  if (given === undefined) return `it has no attribute ${SIGNATURE_ATTRIBUTE}. ${KEY_MISSING}`;
  if (keys.some((key) => isSame(given, signatureOf(message.body, key)))) return null;
  return `its ${SIGNATURE_ATTRIBUTE} is not that of this body under any of this worker's keys. ${KEY_MISSING}, or has another`;
}

/** Whether it has a signature, of whatever key. */
export function isSigned(message: Pick<Message, "attributes">): boolean {
  return SIGNATURE_ATTRIBUTE in producerAttributes(message);
}

/** The message with another body, signed by an operator. */
export function signedMessage(message: Message, body: string, key: string): Message {
  const signature = { dataType: "String", stringValue: signatureOf(body, key) };
  return { ...message, body, attributes: { ...message.attributes, [SIGNATURE_ATTRIBUTE]: signature } };
}

/** In a time that says nothing of where they differ. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
