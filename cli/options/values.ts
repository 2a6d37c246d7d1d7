// What an option's text may be: the check, the words that say what is expected, and the value it
// becomes.
import * as v from "valibot";
import { formatDuration, parseDuration } from "../../core/formats/durations.ts";
import { formatSize, parseSize } from "../../core/formats/sizes.ts";
import type { Level } from "../../core/observe.ts";
import { portOfLink } from "./service-links.ts";

export interface Kind<T> {
  /** What stands for the value in the help: `<n>`. */
  readonly placeholder: string;
  /** Completes "must be …"; may depend on what was given. */
  readonly expects: string | ((text: string) => string);
  readonly schema: v.GenericSchema<string, T>;
}

/** Takes what `read` makes of a text. `read` returns null for a text that it refuses. */
export function readBy<T>(read: (text: string) => T | null): v.GenericSchema<string, T> {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value);
      if (value !== null) return value;
      addIssue({ message: "refused" });
      return NEVER;
    }),
  );
}

export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    placeholder: "<n>",
    expects: `a whole number from ${min} to ${max}`,
    schema: v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number), v.minValue(min), v.maxValue(max)),
  };
}

/** A port of a Service, which a service link names, too. */
export const servicePort: Kind<number> = {
  placeholder: "<n>",
  expects: "a whole number from 1 to 65535, or a Kubernetes service link such as tcp://10.96.0.9:5432",
  schema: v.pipe(v.string(), v.transform(portOfLink), wholeNumber(1, 65_535).schema),
};

/** Milliseconds; the bounds too. */
export function duration(minMs: number, maxMs: number): Kind<number> {
  return {
    placeholder: "<duration>",
    expects: `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)} (a plain number is in seconds)`,
    schema: v.pipe(v.string(), v.transform(parseDuration), v.number(), v.minValue(minMs), v.maxValue(maxMs)),
  };
}

/** Up to `most` names, separated by commas. Empty text is none. */
export function names(most: number): Kind<readonly string[]> {
  return {
    placeholder: "<name,…>",
    expects: `at most ${most} names, separated by commas`,
    schema: v.pipe(
      v.string(),
      v.transform((list) => list.split(",").map((name) => name.trim())),
      v.transform((list) => list.filter((name) => name !== "")),
      v.maxLength(most),
    ),
  };
}

/** Null for `off`. */
export function unlessOff<T>({ placeholder, expects, schema }: Kind<T>): Kind<T | null> {
  const turnedOff = v.pipe(
    v.string(),
    v.toLowerCase(),
    v.literal("off"),
    v.transform(() => null),
  );
  const or = (expected: string) => `${expected}, or off`;
  return {
    placeholder: placeholder.replace(">", "|off>"),
    expects: typeof expects === "string" ? or(expects) : (given) => or(expects(given)),
    schema: v.union([turnedOff, schema]),
  };
}

/** Bytes; the bounds too. */
export function size(min: number, max: number): Kind<number> {
  return {
    placeholder: "<size>",
    expects: `a size from ${formatSize(min)} to ${formatSize(max)} (a plain number is in bytes)`,
    schema: v.pipe(v.string(), v.transform(parseSize), v.number(), v.minValue(min), v.maxValue(max)),
  };
}

/** Upper and lower case are the same: other programs share some of our variables. */
export function choice<const W extends readonly [string, ...string[]]>(words: W): Kind<W[number]> {
  return {
    placeholder: `<${words.join("|")}>`,
    expects: `one of ${words.join(", ")}`,
    schema: v.pipe(v.string(), v.toLowerCase(), v.picklist(words)),
  };
}

const LEVELS = ["debug", "info", "warn", "error"] as const satisfies readonly Level[];

/** How Python, its libraries and Node's loggers spell the four levels; the numbers are Python's. */
const LEVEL_WORDS: Readonly<Record<Level, readonly string[]>> = {
  debug: ["debug", "trace", "verbose", "silly", "all", "notset", "0", "5", "10"],
  info: ["info", "information", "informational", "notice", "log", "http", "success", "20"],
  warn: ["warn", "warning", "30"],
  error: ["error", "err", "critical", "crit", "fatal", "severe", "alert", "emerg", "panic", "40", "50"],
};

export const logLevel: Kind<Level> = {
  placeholder: `<${LEVELS.join("|")}>`,
  expects: `one of ${LEVELS.join(", ")}`,
  schema: v.pipe(
    v.string(),
    v.trim(),
    v.toLowerCase(),
    v.transform((word) => LEVELS.find((level) => LEVEL_WORDS[level].includes(word))),
    v.picklist(LEVELS),
  ),
};

const ON = ["true", "1", "yes", "on"];
const OFF = ["false", "0", "no", "off"];

export const truth: Kind<boolean> = {
  placeholder: "<true|false>",
  expects: "true or false",
  schema: v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist([...ON, ...OFF]),
    v.transform((word) => ON.includes(word)),
  ),
};

export function text(placeholder: string, expects: string, pattern = /\S/): Kind<string> {
  // Control characters have no business in any name, path or address, and would garble the log.
  return { placeholder, expects, schema: v.pipe(v.string(), v.regex(pattern), v.regex(/^\P{Cc}*$/u)) };
}

export const queueName = text(
  "<name>",
  "1 to 80 letters, digits, - and _, with .fifo at the end for a FIFO queue",
  /^(?=.{1,80}$)[\w-]+(?:\.fifo)?$/,
);

export const httpUrl: Kind<string> = {
  placeholder: "<url>",
  expects: "an http:// or https:// URL",
  schema: v.pipe(
    v.string(),
    v.check((given) => /^https?:\/\/[^\s/]/.test(given) && URL.canParse(given)),
  ),
};

export const loopbackUrl: Kind<string> = {
  placeholder: "<url>",
  expects: "an http:// URL of this machine, such as http://127.0.0.1:9324",
  schema: v.pipe(
    v.string(),
    v.check((given) => /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?\/?$/.test(given) && URL.canParse(given)),
  ),
};
