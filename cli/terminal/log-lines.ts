// One log record as one line of log, for people or for machines. Pure. Field names are the wire's:
// `messageId` is `message_id`.

import { printable, printableJson, printableLine } from "../../core/formats/printable.ts";
import { shortened } from "../../core/formats/shortened.ts";
import type { Level, LogRecord } from "../../core/observe.ts";

export type Format = (record: LogRecord, at: Date) => string;

/** Colours a part of a line for a terminal. */
export type PaintPart = (part: Level | "aside", text: string) => string;

const LABELS: Readonly<Record<Level, string>> = { debug: "DEBUG", info: "INFO ", warn: "WARN ", error: "ERROR" };
/** Parts of the key, which stands beside them. */
const IN_KEY = ["runId", "stepKey", "attempt"];

/** `2026-01-02T03:04:05.678Z INFO  step.claimed  claimed by …  key=… fence=3`. */
export function textLine(record: LogRecord, at: Date, paint: PaintPart = (_, text) => text): string {
  const { event, level, message, ...fields } = record;
  const head = `${paint("aside", at.toISOString())} ${paint(level, LABELS[level])}`;
  if (event === "step.output") {
    const key = paint("aside", `[${shownField(fields["key"] ?? "step")}]`);
    return `${head} ${key} ${indented(message)}`;
  }
  const tail = Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined || (fields["key"] !== undefined && IN_KEY.includes(name))) return [];
    return [` ${snake(name)}=${shownField(whole(name, value))}`];
  });
  const rest = tail.length === 0 ? "" : ` ${paint("aside", tail.join(""))}`;
  return `${head} ${event}  ${indented(message)}${rest}`;
}

/** `also` stands in every line: who speaks. */
export function jsonLine(also: Readonly<Record<string, string>>): Format {
  return ({ event, level, message, ...fields }, at) => {
    const named = Object.entries(fields).map(([name, value]) => [snake(name), cut(whole(name, value))] as const);
    const line = { time: at.toISOString(), level, event, message: shortened(message, LONGEST_MESSAGE) };
    return printableJson({ ...line, ...Object.fromEntries(named), ...also });
  };
}

type Field = LogRecord[string];

/** A stack, at its longest. */
const LONGEST_MESSAGE = 80_000;
/** Longer than the longest key of a step. */
const LONGEST_FIELD = 2_400;

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Times are in whole milliseconds. */
function whole(name: string, value: Field): Field {
  return typeof value === "number" && name.endsWith("Ms") ? Math.round(value) : value;
}

function cut(value: Field): Field {
  return typeof value === "string" ? shortened(value, LONGEST_FIELD) : value;
}

function shownField(value: Field): string {
  const text = String(cut(value));
  return /^[^\s"=]+$/.test(text) || typeof value !== "string" ? printableLine(text) : printableJson(text);
}

/**
 * Line ends within a message (stack traces) stay. Indented, none of its lines passes for a line of
 * ours.
 */
function indented(message: string): string {
  return printable(shortened(message, LONGEST_MESSAGE)).replaceAll("\n", "\n    ");
}
