// How important a line of a step's output is, from the record of a logger that it begins or goes on
// with.
import type { Level } from "../observe.ts";

const levels: Readonly<Record<string, Level>> = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
};

const NAMES = Object.keys(levels).join("|");
// biome-ignore lint/suspicious/noControlCharactersInRegex: a logger may colour its records
const COLOURS = /\u001b\[[\d;]*m/g;
/**
 * Dagster's console loggers, `dagster` and those of an op's own: `2026-01-02 03:04:05 +0000 -
 * dagster - DEBUG - …`.
 */
const DAGSTER = new RegExp(
  `^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(?:,\\d+)?(?: [+-]\\d{4})? - \\S+ - (${NAMES}) - `,
);
/** Python's `logging` without a format of its own: `WARNING:root:…`. */
const PYTHON = new RegExp(`^(${NAMES}):[\\w.]+:`);
/** `warnings.warn`: `weather.py:3: DeprecationWarning: …`. */
const WARNING = /^\S+:\d+: \w*Warning: /;
/** An exception that no code caught, and what `faulthandler` writes. */
const FATAL = /^(?:Traceback \(most recent call last\):|Fatal Python error: )/;

/** The lines of one stream, in order. */
export class Severity {
  /** Of the last record. */
  #record: Level | null = null;
  /**
   * Of lines that are no records. Those behind a warning or an error are the rest of it, and so are
   * those behind a record and a blank line: tracebacks.
   */
  #rest: Level = "info";

  of(line: string): Level {
    const plain = line.replace(COLOURS, "");
    const [, name] = DAGSTER.exec(plain) ?? PYTHON.exec(plain) ?? [];
    const own = name === undefined ? otherLevel(plain) : (levels[name] ?? "info");
    if (own === null) {
      if (plain === "" && this.#record !== null) this.#rest = this.#record;
      this.#record = null;
      return this.#rest;
    }
    this.#record = own;
    this.#rest = own === "debug" ? "info" : own;
    return own;
  }
}

/** Null for a line that says nothing of itself. */
function otherLevel(line: string): Level | null {
  if (FATAL.test(line)) return "error";
  return WARNING.test(line) ? "warn" : null;
}
