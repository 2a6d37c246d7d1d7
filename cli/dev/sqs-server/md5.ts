// The digests by which clients check an answer (guide, "calculating the MD5 message digest for
// message attributes").
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { MessageAttribute } from "../../../core/queue/port.ts";

export function md5OfBody(body: string): string {
  return createHash("md5").update(body).digest("hex");
}

/** Undefined without attributes: SQS then leaves the field out. */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const parts = names.flatMap((name) => encodedAttribute(name, attributes[name]));
  return createHash("md5").update(Buffer.concat(parts)).digest("hex");
}

const STRING_VALUE = Buffer.from([1]);
const BINARY_VALUE = Buffer.from([2]);

function encodedAttribute(name: string, attribute: MessageAttribute | undefined): Buffer[] {
  if (attribute === undefined) return [];
  const { dataType, stringValue, binaryValue } = attribute;
  const value =
    binaryValue === undefined ? [STRING_VALUE, sized(stringValue ?? "")] : [BINARY_VALUE, sized(binaryValue)];
  return [sized(name), sized(dataType), ...value];
}

function sized(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}
