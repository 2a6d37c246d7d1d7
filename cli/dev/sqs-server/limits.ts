// What SQS accepts in a message and in a request: sizes in bytes, characters, lengths.
import { Buffer } from "node:buffer";
import type { MessageAttribute } from "../../../core/queue/port.ts";
import { invalidParameter, missingParameter, Refusal } from "./refusal.ts";

/** Also the limit of a whole batch (service model: SendMessageBatch). */
export const LARGEST_MESSAGE = 1_048_576;
export const LONGEST_VISIBILITY_MS = 43_200_000;
export const LONGEST_DELAY_MS = 900_000;
const MOST_ATTRIBUTES = 10;

// #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF, else
// InvalidMessageContents (service model: SendMessage).
const REFUSED_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

// Group, deduplication and attempt ids: 1 to 128 alphanumeric or punctuation characters (service
// model), so no space.
const ID = /^[\x21-\x7E]{1,128}$/;

const ATTRIBUTE_NAME = /^(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)$/;
const DATA_TYPE = /^(String|Number|Binary)(\.|$)/;

export function checkBody(body: string): void {
  if (body === "") throw missingParameter("MessageBody");
  checkText(body);
}

export function checkId(name: string, id: string): void {
  if (ID.test(id)) return;
  throw invalidParameter(
    name,
    id,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}

export function checkAttributes(attributes: Readonly<Record<string, MessageAttribute>>): void {
  const entries = Object.entries(attributes);
  if (entries.length > MOST_ATTRIBUTES) {
    throw new Refusal(
      "InvalidParameterValue",
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`,
    );
  }
  for (const [name, attribute] of entries) checkAttribute(name, attribute);
}

export function checkSize(size: number, limit: number): void {
  if (size <= limit) return;
  throw new Refusal(
    "InvalidParameterValue",
    `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
  );
}

/** Bytes, not characters: of the body, and of each attribute's name, type and value. */
export function messageSize(body: string, attributes: Readonly<Record<string, MessageAttribute>>): number {
  const sizes = Object.entries(attributes).map(
    ([name, { dataType, stringValue, binaryValue }]) =>
      Buffer.byteLength(name) +
      Buffer.byteLength(dataType) +
      Buffer.byteLength(stringValue ?? "") +
      (binaryValue?.byteLength ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, Buffer.byteLength(body));
}

function checkAttribute(name: string, { dataType, stringValue, binaryValue }: MessageAttribute): void {
  if (!ATTRIBUTE_NAME.test(name))
    throw new Refusal("InvalidParameterValue", `The message attribute name '${name}' is invalid.`);
  const type = DATA_TYPE.exec(dataType)?.[1];
  if (type === undefined) {
    throw new Refusal("InvalidParameterValue", `The type of message attribute '${name}' is invalid: '${dataType}'.`);
  }
  const value = type === "Binary" ? binaryValue : stringValue;
  if (value === undefined || value.length === 0) {
    throw new Refusal(
      "InvalidParameterValue",
      `The message attribute '${name}' must contain a non-empty value of type '${type}'.`,
    );
  }
  checkText(stringValue ?? "");
}

function checkText(text: string): void {
  if (!REFUSED_CHARACTER.test(text)) return;
  throw new Refusal(
    "InvalidMessageContents",
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
  );
}
