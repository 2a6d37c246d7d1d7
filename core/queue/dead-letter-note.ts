// What is written beside a dead letter's body: one JSON message attribute, since a message may have
// only ten.
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { parseJson } from "../formats/json.ts";
import type { DeadLetterReason, Message, MessageAttribute } from "./port.ts";

/**
 * The attribute's name is ours: one of this name that is already there, from an earlier burial, is
 * replaced.
 */
export const NOTE_ATTRIBUTE = "taskiq";

/** As it stands in the attribute. Times are Unix seconds. */
export interface DeadLetterNote {
  readonly reason: string;
  readonly detail: string;
  readonly error_class: string | null;
  readonly fingerprint: string | null;
  readonly starts: number;
  readonly worker: string;
  /** URL of the queue it came from; SQS itself cannot route back what it did not move. */
  readonly source_queue: string;
  readonly message_id: string;
  /** The group of a FIFO queue, or the tenant of a standard one. */
  readonly group_id: string | null;
  readonly first_received_at: number;
  readonly buried_at: number;
  /** The producer's attributes for which no place was left beside this one. */
  readonly folded?: Readonly<Record<string, FoldedAttribute>>;
}

interface FoldedAttribute {
  readonly data_type: string;
  readonly string_value?: string;
  /** Base64. */
  readonly binary_value?: string;
}

export interface Burial {
  readonly message: Message;
  readonly reason: DeadLetterReason;
  readonly sourceUrl: string;
  readonly buriedAtMs: number;
}

type Attributes = Readonly<Record<string, MessageAttribute>>;

/** The latest that a date can be. */
const Seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e12));
/** A record of valibot's would leave out names such as `constructor`, which attributes may have. */
const Folded = v.custom<NonNullable<DeadLetterNote["folded"]>>(
  (value) => typeof value === "object" && value !== null && Object.values(value).every(isFolded),
);

/** Any sender to the dead letter queue may write one of these, too. */
const Note = v.object({
  reason: v.string(),
  detail: v.string(),
  error_class: v.nullable(v.string()),
  fingerprint: v.nullable(v.string()),
  starts: v.number(),
  worker: v.string(),
  source_queue: v.string(),
  message_id: v.string(),
  group_id: v.nullable(v.string()),
  first_received_at: Seconds,
  buried_at: Seconds,
  folded: v.exactOptional(Folded),
});

/** What one message of SQS may hold: attributes, and bytes of body and attributes together. */
const ATTRIBUTE_LIMIT = 10;
const BYTE_LIMIT = 1_048_576;

/**
 * The attributes of the copy: the producer's, and our note. If the producer has ten, the smallest
 * is folded into the note, so that both survive. `cut` means that the note was shortened for lack
 * of room, `left_out` that not even a short one fits. The body and the producer's attributes come
 * first.
 */
export function deadLetterAttributes(burial: Burial): { attributes: Attributes; note: "whole" | "cut" | "left_out" } {
  const theirs = withoutNote(burial.message.attributes);
  const { kept, folded } = makeRoom(theirs);
  const note = noteOf(burial, folded);
  const withNote = (detail: string): Attributes => ({
    ...kept,
    [NOTE_ATTRIBUTE]: { dataType: "String", stringValue: toAttributeText({ ...note, detail }) },
  });
  const fits = (detail: string) => byteSize(burial.message.body, withNote(detail)) <= BYTE_LIMIT;
  if (fits(note.detail)) return { attributes: withNote(note.detail), note: "whole" };
  if (!fits("")) return { attributes: theirs, note: "left_out" };
  return { attributes: withNote(longestPrefix(note.detail, fits)), note: "cut" };
}

/** The note of a dead letter that a worker buried; null for one that SQS moved itself. */
export function readNote(message: Pick<Message, "attributes">): DeadLetterNote | null {
  const text = message.attributes[NOTE_ATTRIBUTE]?.stringValue;
  if (text === undefined) return null;
  const read = v.safeParse(Note, parseJson(text));
  return read.success ? read.output : null;
}

/**
 * Not every server says where it moved a message from. A letter without a note was moved all the
 * same. `null` means that our queue's name is unknown, too.
 */
export function isMovedBySqs(message: Pick<Message, "attributes" | "movedFrom">, sourceArn: string | null): boolean {
  const { movedFrom } = message;
  const ours = movedFrom === undefined || sourceArn === null || movedFrom === sourceArn;
  return ours && readNote(message) === null;
}

/** A dead letter's attributes as its producer sent them. */
export function producerAttributes(message: Pick<Message, "attributes">): Attributes {
  const folded = Object.entries(readNote(message)?.folded ?? {}).map(([name, value]) => [name, unfold(value)] as const);
  return { ...Object.fromEntries(folded), ...withoutNote(message.attributes) };
}

/** What SQS counts against its limits. */
export function byteSize(body: string, attributes: Attributes): number {
  const sizes = Object.entries(attributes).map(([name, attribute]) => attributeSize(name, attribute));
  return sizes.reduce((sum, size) => sum + size, Buffer.byteLength(body));
}

function attributeSize(name: string, { dataType, stringValue, binaryValue }: MessageAttribute): number {
  const value = Buffer.byteLength(stringValue ?? "") + (binaryValue?.byteLength ?? 0);
  return Buffer.byteLength(name) + Buffer.byteLength(dataType) + value;
}

function withoutNote(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== NOTE_ATTRIBUTE));
}

function makeRoom(theirs: Attributes): { kept: Attributes; folded: Attributes } {
  const bySize = Object.entries(theirs).sort((a, b) => attributeSize(...a) - attributeSize(...b));
  const tooMany = Math.max(0, bySize.length - (ATTRIBUTE_LIMIT - 1));
  return { kept: Object.fromEntries(bySize.slice(tooMany)), folded: Object.fromEntries(bySize.slice(0, tooMany)) };
}

function noteOf({ message, reason, sourceUrl, buriedAtMs }: Burial, folded: Attributes): DeadLetterNote {
  const entries = Object.entries(folded).map(([name, attribute]) => [name, fold(attribute)] as const);
  return {
    reason: reason.reason,
    detail: reason.detail,
    error_class: reason.errorClass,
    fingerprint: reason.fingerprint,
    starts: reason.starts,
    worker: reason.worker,
    source_queue: sourceUrl,
    message_id: message.id,
    group_id: message.groupId,
    first_received_at: message.firstReceivedAtMs / 1000,
    buried_at: buriedAtMs / 1000,
    ...(entries.length === 0 ? {} : { folded: Object.fromEntries(entries) }),
  };
}

function fold({ dataType, stringValue, binaryValue }: MessageAttribute): FoldedAttribute {
  return {
    data_type: dataType,
    ...(stringValue === undefined ? {} : { string_value: stringValue }),
    ...(binaryValue === undefined ? {} : { binary_value: Buffer.from(binaryValue).toString("base64") }),
  };
}

function isFolded(value: unknown): value is FoldedAttribute {
  if (typeof value !== "object" || value === null) return false;
  const { data_type, string_value = "", binary_value = "" } = value as Record<string, unknown>;
  return [data_type, string_value, binary_value].every((text) => typeof text === "string");
}

function unfold({ data_type, string_value, binary_value }: FoldedAttribute): MessageAttribute {
  return {
    dataType: data_type,
    ...(string_value === undefined ? {} : { stringValue: string_value }),
    ...(binary_value === undefined ? {} : { binaryValue: Buffer.from(binary_value, "base64") }),
  };
}

// JSON escapes control characters and lone surrogates by itself; these two are all that is left of
// what SQS refuses.
function toAttributeText(note: DeadLetterNote): string {
  return JSON.stringify(note).replaceAll("\ufffe", "\\ufffe").replaceAll("\uffff", "\\uffff");
}

/** The longest prefix that fits, given that the empty one does and the whole does not. */
function longestPrefix(text: string, fits: (prefix: string) => boolean): string {
  let fitting = 0;
  let tooLong = text.length;
  while (tooLong - fitting > 1) {
    const middle = Math.floor((fitting + tooLong) / 2);
    if (fits(text.slice(0, middle))) fitting = middle;
    else tooLong = middle;
  }
  return text.slice(0, fitting);
}
