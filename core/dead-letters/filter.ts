// Which dead letters are meant. Pure.
import type { DeadLetter } from "./letter.ts";

/** Null: any. Every condition must hold. */
export interface LetterFilter {
  /** Ids of messages, or idempotency keys; empty for any. */
  readonly names: readonly string[];
  readonly runId: string | null;
  /** Known by the run's record alone. */
  readonly job: string | null;
  /** A step key, in which `*` stands for any text and `?` for any character. */
  readonly step: string | null;
  readonly reason: string | null;
  /** A fingerprint, the class of an error, or a part of what is said of it; case does not count. */
  readonly error: string | null;
  /** Dead letters since this instant or later, in Unix milliseconds. */
  readonly sinceMs: number | null;
  /** Dead letters since before this instant. */
  readonly beforeMs: number | null;
}

export const anyLetter: LetterFilter = {
  names: [],
  runId: null,
  job: null,
  step: null,
  reason: null,
  error: null,
  sinceMs: null,
  beforeMs: null,
};

/** All conditions but the job's, which the letter itself does not name. */
export function matchesLetter(filter: LetterFilter, letter: DeadLetter): boolean {
  const { runId, step, reason, error, sinceMs, beforeMs } = filter;
  return (
    matchesName(filter.names, letter) &&
    (runId === null || letter.step?.runId === runId) &&
    (step === null || (letter.step !== null && matchesGlob(step, letter.step.stepKey))) &&
    (reason === null || letter.reason === reason) &&
    (error === null || matchesError(error, letter)) &&
    (sinceMs === null || letter.sinceMs >= sinceMs) &&
    (beforeMs === null || letter.sinceMs < beforeMs)
  );
}

/** `job` is the name in the run's record; null when that is not known. */
export function matchesJob({ job: wanted }: LetterFilter, job: string | null): boolean {
  return wanted === null || wanted === job;
}

/** In linear time, whatever the pattern: `*` for any text, `?` for one character, anything else for itself. Step keys hold brackets. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [wanted, given] = [[...pattern], [...text]];
  let [at, from, star, resume] = [0, 0, -1, 0];
  while (from < given.length) {
    if (wanted[at] === "*") [star, resume, at] = [at, from, at + 1];
    else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[from])) [at, from] = [at + 1, from + 1];
    else if (star >= 0) [at, from, resume] = [star + 1, resume + 1, resume + 1];
    else return false;
  }
  return wanted.slice(at).every((rest) => rest === "*");
}

function matchesName(names: readonly string[], { message, key, burial }: DeadLetter): boolean {
  return (
    names.length === 0 || [message.id, key, burial?.messageId].some((name) => name != null && names.includes(name))
  );
}

function matchesError(wanted: string, { fingerprint, errorClass, detail }: DeadLetter): boolean {
  const part = wanted.toLowerCase();
  if (fingerprint === part || errorClass?.toLowerCase() === part) return true;
  return detail.toLowerCase().includes(part);
}
