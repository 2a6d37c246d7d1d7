// The limits of a step: the worker's settings, and the tags that change them for one step. Pure.
// The step host enforces them.
import { formatDuration, parseDuration } from "../formats/durations.ts";
import { formatSize, parseSize } from "../formats/sizes.ts";
import type { Limits } from "../runner/port.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** The least and the most that a limit may be. */
export const limitRanges = {
  timeoutMs: [SECOND_MS, 30 * 24 * HOUR_MS],
  silenceMs: [SECOND_MS, 30 * 24 * HOUR_MS],
  graceMs: [0, HOUR_MS],
  memoryBytes: [2 ** 24, 2 ** 46],
  processes: [1, 100_000],
  outputBytes: [2 ** 16, 2 ** 46],
  afterEndMs: [0, 24 * HOUR_MS],
} as const satisfies { readonly [Name in keyof Limits]: readonly [number, number] };

export const defaultLimits: Limits = {
  timeoutMs: null,
  silenceMs: null,
  graceMs: 10 * SECOND_MS,
  memoryBytes: null,
  processes: null,
  outputBytes: 2 ** 30,
  afterEndMs: 600 * SECOND_MS,
};

export interface LimitTag {
  readonly expects: string;
  /** Returns `null` for a value that makes no sense. */
  read(value: string, limits: Limits): Limits | null;
}

/** `off` takes a worker's limit away. */
export const limitTags: Readonly<Record<string, LimitTag>> = {
  "taskiq/timeout": tag("timeoutMs", "a duration", parseDuration, formatDuration),
  "taskiq/silence_timeout": tag("silenceMs", "a duration", parseDuration, formatDuration),
  "taskiq/kill_grace": tag("graceMs", "a duration", parseDuration, formatDuration),
  "taskiq/memory": tag("memoryBytes", "a size", parseSize, formatSize),
  "taskiq/processes": tag("processes", "a whole number", wholeNumber, String),
  "taskiq/max_output": tag("outputBytes", "a size", parseSize, formatSize),
  "taskiq/after_end": tag("afterEndMs", "a duration", parseDuration, formatDuration),
};

function tag(
  name: keyof Limits,
  what: string,
  parse: (value: string) => number | null,
  format: (limit: number) => string,
): LimitTag {
  const [least, most] = limitRanges[name];
  const mayBeOff = name !== "graceMs" && name !== "afterEndMs";
  return {
    expects: `${what} from ${format(least)} to ${format(most)}${mayBeOff ? ", or off" : ""}`,
    read: (value, limits) => {
      if (mayBeOff && value === "off") return { ...limits, [name]: null };
      const limit = parse(value);
      return limit === null || limit < least || limit > most ? null : { ...limits, [name]: limit };
    },
  };
}

function wholeNumber(value: string): number | null {
  return /^\d+$/.test(value) ? Number(value) : null;
}
