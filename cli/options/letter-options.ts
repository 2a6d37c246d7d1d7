// Which dead letters an operator means: the same options for every command that chooses some.
import { anyLetter, type LetterFilter } from "../../core/dead-letters/filter.ts";
import { parseDuration } from "../../core/formats/durations.ts";
import { optional, type Values } from "./option.ts";
import { type Kind, readBy, text, wholeNumber } from "./values.ts";

const GROUP = "Which dead letters (all conditions must hold; without any, all of them)";

/** An instant, or how long ago it was. */
export type Moment = { readonly agoMs: number } | { readonly atMs: number };

const moment: Kind<Moment> = {
  placeholder: "<duration|time>",
  expects: "a duration such as 90m or 48h (a plain number is in seconds), or a time such as 2026-01-31T08:00:00Z",
  schema: readBy(parseMoment),
};

export const letterOptions = {
  run: optional({
    flag: "--run",
    env: [],
    group: GROUP,
    help: "Of this run: its id, or the beginning that the table shows.",
    kind: text("<run id>", "the id of a run, or its beginning"),
  }),
  job: optional({
    flag: "--job",
    env: [],
    group: GROUP,
    help: "Of runs of this job. Dagster must be asked, and all dead letters must be looked at.",
    kind: text("<name>", "the name of a job"),
  }),
  step: optional({
    flag: "--step",
    env: [],
    group: GROUP,
    help: "Of these steps: * stands for any text, ? for one character; 'load #2' is attempt 2 alone.",
    kind: text("<glob>", "a step key, with * and ? as wildcards"),
  }),
  reason: optional({
    flag: "--reason",
    env: [],
    group: GROUP,
    help: "Dead for this reason, in the table's word for it: step_fault, malformed, moved_by_sqs, …",
    kind: text("<reason>", "a word such as step_fault, malformed or moved_by_sqs", /^[a-z_]+$/),
  }),
  error: optional({
    flag: "--error",
    env: [],
    group: GROUP,
    help: "With this fingerprint, class of error, or a part of what the table shows of it.",
    kind: text("<text>", "a text"),
  }),
  since: optional({
    flag: "--since",
    env: [],
    group: GROUP,
    help: "Dead for no longer than this, or since this time. What SQS moved is as old as its sending.",
    kind: moment,
  }),
  olderThan: optional({
    flag: "--older-than",
    env: [],
    group: GROUP,
    help: "Dead for longer than this, or since before this time.",
    kind: moment,
  }),
  limit: optional({
    flag: "--limit",
    env: [],
    group: GROUP,
    help: "Stop after this many letters.",
    kind: wholeNumber(1, 1_000_000),
  }),
};

/** Their flags, which the short help of such a command shows. */
export const LETTER_FLAGS = Object.values(letterOptions).map(({ flag }) => flag);

/** Everything but the limit. */
export function letterFilter(values: Values<typeof letterOptions>, nowMs: number): LetterFilter {
  const at = (given: Moment | null) => {
    if (given === null) return null;
    return "atMs" in given ? given.atMs : nowMs - given.agoMs;
  };
  return {
    ...anyLetter,
    runId: values.run,
    job: values.job,
    step: values.step,
    reason: values.reason,
    error: values.error,
    sinceMs: at(values.since),
    beforeMs: at(values.olderThan),
  };
}

function parseMoment(given: string): Moment | null {
  const agoMs = parseDuration(given);
  if (agoMs !== null) return { agoMs };
  // Only what names a date: Date.parse would take "7" or "May" for one, too.
  const atMs = /^\d{4}-\d{2}-\d{2}/.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(atMs) ? null : { atMs };
}
