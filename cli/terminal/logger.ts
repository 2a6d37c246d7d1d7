// The log: what the core observes, on stderr, as text for people or JSON lines for machines.
import type { Writable } from "node:stream";
import { styleText } from "node:util";
// Not "consola": that one writes to stdout, colours, guesses at tests and CI, and lets
// CONSOLA_LEVEL override us.
import { type ConsolaInstance, createConsola } from "consola/core";
import type { Level, LogRecord } from "../../core/observe.ts";
import { flush } from "./flush.ts";
import { type Format, jsonLine, type PaintPart, textLine } from "./log-lines.ts";

export interface LoggerOptions {
  readonly stream: Writable & { readonly isTTY?: boolean };
  readonly level: Level;
  /** `auto` is text on a terminal and json elsewhere. */
  readonly format: "auto" | "text" | "json";
  /** In every JSON line. */
  readonly worker: string;
  /** Whether text is coloured. Pass `false` for a stream that is not a terminal. */
  readonly colour?: boolean;
}

export interface Logger {
  readonly observe: (record: LogRecord) => void;
  /** Resolves when every line has left the process, or cannot leave it any more. */
  flush(): Promise<void>;
}

/** consola's own numbers (`LogLevels`). It prints a line whose number is at most its level. */
const LEVELS: Readonly<Record<Level, number>> = { debug: 4, info: 3, warn: 1, error: 0 };

export function createLogger({ stream, level, format, worker, colour = false }: LoggerOptions): Logger {
  const text = format === "text" || (format === "auto" && stream.isTTY === true);
  const paint: PaintPart = colour ? painted : (_, plain) => plain;
  const line: Format = text ? (record, at) => textLine(record, at, paint) : jsonLine({ worker });
  const consola = createConsola({
    level: LEVELS[level],
    // Otherwise the sixth of equal lines within a second is held back, and its fields with it.
    throttle: 0,
    throttleMin: Number.POSITIVE_INFINITY,
    reporters: [{ log: ({ args: [record], date }) => void stream.write(`${line(record as LogRecord, date)}\n`) }],
  });
  return { observe: observeWith(consola), flush: () => flush(stream) };
}

const STYLES = { debug: "gray", info: "cyan", warn: "yellow", error: "red", aside: "dim" } as const;

function painted(part: keyof typeof STYLES, text: string): string {
  // Not validated against the stream: that would look at the process's own.
  return styleText(STYLES[part], text, { validateStream: false });
}

function observeWith(consola: ConsolaInstance): Logger["observe"] {
  // `raw`, because anything with a `message` would be taken apart as a log object of consola's own.
  return (record) => consola[record.level].raw(record);
}
