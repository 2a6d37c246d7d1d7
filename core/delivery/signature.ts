// Signatures of messages: an HMAC-SHA256 over the exact bytes of the body, in a message attribute.
// The executor in Python makes the same.
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { producerAttributes } from "../queue/dead-letter-note.ts";
import type { Message } from "../queue/port.ts";

export const SIGNATURE_ATTRIBUTE = "taskiq-signature";

const KEY_MISSING = "Its sender is not a run worker of this deployment, or lacks TASKIQ_ENVELOPE_KEY";

/** Returns hex digits, with the version of the scheme in front. */
export function signatureOf(body: string, key: string): string {
  return `v1=${createHmac("sha256", key).update(body).digest("hex")}`;
}

/**
 * Returns why the worker does not believe the message. `null` means that one of the keys made its
 * signature, or that there are no keys: then the worker trusts every sender.
 */
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

/** Returns whether the message has a signature of any key. */
export function isSigned(message: Pick<Message, "attributes">): boolean {
  return SIGNATURE_ATTRIBUTE in producerAttributes(message);
}

/** Returns the message with another body and an operator's signature. */
export function signedMessage(message: Message, body: string, key: string): Message {
  const signature = { dataType: "String", stringValue: signatureOf(body, key) };
  return { ...message, body, attributes: { ...message.attributes, [SIGNATURE_ATTRIBUTE]: signature } };
}

/** Compares in constant time, so that the time does not show where the texts differ. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
