// The filter that chooses dead letters. Every value can be pasted from the tables. Pure.
import { reasonNamed } from "../delivery/reasons.ts";
import { foldMessage } from "../formats/folded.ts";
import type { DeadLetter } from "./letter.ts";

/** Every condition must hold. `null` means any. */
export interface LetterFilter {
  /** Ids of messages or idempotency keys, or beginnings of them. Empty means any. */
  readonly names: readonly string[];
  /** Whole ids of messages. */
  readonly ids: ReadonlySet<string> | null;
  /** The id of a run, or its beginning. */
  readonly runId: string | null;
  /** Only the run's record has it. */
  readonly job: string | null;
  /**
   * A step key, in which `*` and `…` stand for any text and `?` for any character. ` #2` behind it
   * names the attempt.
   */
  readonly step: string | null;
  readonly reason: string | null;
  /**
   * A fingerprint, the class of an error, or a part of the text that a table shows of it; case does
   * not count.
   */
  readonly error: string | null;
  /** Dead letters since this instant or later, in Unix milliseconds. */
  readonly sinceMs: number | null;
  /** Dead letters since before this instant. */
  readonly beforeMs: number | null;
}

export const anyLetter: LetterFilter = {
  names: [],
  ids: null,
  runId: null,
  job: null,
  step: null,
  reason: null,
  error: null,
  sinceMs: null,
  beforeMs: null,
};

/** A shorter beginning would fit too many. */
export const LEAST_BEGINNING = 4;

/** Checks all conditions but the job's, which the letter itself does not name. */
export function matchesLetter(filter: LetterFilter, letter: DeadLetter): boolean {
  const { names, ids, runId, step, reason, error, sinceMs, beforeMs } = filter;
  return (
    (names.length === 0 || names.some((name) => namesOf(letter).some((one) => isBeginning(name, one)))) &&
    (ids === null || ids.has(letter.message.id)) &&
    (runId === null || (letter.step !== null && isBeginning(runId, letter.step.runId))) &&
    (step === null || matchesStep(step, letter)) &&
    (reason === null || letter.reason === reasonNamed(reason)) &&
    (error === null || matchesError(error, letter)) &&
    (sinceMs === null || letter.sinceMs >= sinceMs) &&
    (beforeMs === null || letter.sinceMs < beforeMs)
  );
}

/** `job` is the name in the run's record. `null` means unknown. */
export function matchesJob({ job: wanted }: LetterFilter, job: string | null): boolean {
  return wanted === null || wanted === job;
}

/**
 * Returns what a dead letter can be called: its message's id, its key, and the id of the message
 * that was buried.
 */
export function namesOf({ message, key, burial }: DeadLetter): readonly string[] {
  return [message.id, key, burial?.messageId].filter((name) => name != null);
}

/** Returns true for the whole name, too. */
export function isBeginning(given: string, name: string): boolean {
  return given === name || (given.length >= LEAST_BEGINNING && name.startsWith(given));
}

export function matchesStep(wanted: string, { step }: DeadLetter): boolean {
  if (step === null) return false;
  const glob = wanted.replaceAll("…", "*");
  return matchesGlob(glob, step.stepKey) || matchesGlob(glob, `${step.stepKey} #${step.attempt}`);
}

/**
 * Matches in linear time: `*` stands for any text, `?` for one character, and every other character
 * for itself. Step keys hold brackets.
 */
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

/** Returns what tables show of an error. Details often begin with the class already. */
export function errorText(errorClass: string | null, detail: string): string {
  return errorClass === null || detail.startsWith(errorClass) ? detail : `${errorClass}: ${detail}`;
}

/** A table cuts a long text with `…`, and folds away the parts of a group's texts that vary. */
export function matchesError(wanted: string, { fingerprint, errorClass, detail }: DeadLetter): boolean {
  const part = wanted.replace(/…$/, "").toLowerCase();
  const shown = [detail, errorText(errorClass, detail), errorText(errorClass, foldMessage(detail))];
  return fingerprint === part || shown.some((text) => text.toLowerCase().includes(part));
}
