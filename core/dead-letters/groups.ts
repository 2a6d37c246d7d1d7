// Groups dead letters that are alike, so that a thousand of them become a handful of causes. Pure.
import { foldMessage } from "../formats/folded.ts";
import type { JoinedLetter, VerdictKind } from "./verdict.ts";

export interface LetterGroup {
  readonly fingerprint: string;
  readonly reason: string;
  readonly errorClass: string | null;
  /** The first one's detail, with the parts that vary folded away. */
  readonly title: string;
  readonly count: number;
  /** Step keys, each once. Those of mapped steps are without their mapping key. */
  readonly steps: readonly string[];
  /** How many there are of each verdict. */
  readonly verdicts: Readonly<Partial<Record<VerdictKind, number>>>;
  /** Unix milliseconds. */
  readonly oldestMs: number;
  readonly newestMs: number;
  readonly soonestExpiryMs: number | null;
  /** To look at one of them. */
  readonly exampleId: string;
}

/** Returns the largest group first. Of equal ones, the one that began first comes first. */
export function groupLetters(letters: readonly JoinedLetter[]): readonly LetterGroup[] {
  const alike = Map.groupBy(letters, ({ letter }) => `${letter.reason} ${letter.fingerprint}`);
  return [...alike.values()].map(groupOf).sort((a, b) => b.count - a.count || a.oldestMs - b.oldestMs);
}

function groupOf(members: readonly JoinedLetter[]): LetterGroup {
  const [first] = members;
  if (first === undefined) throw new Error("a group has a member");
  const { fingerprint, reason, errorClass, detail, message } = first.letter;
  const since = members.map(({ letter }) => letter.sinceMs);
  const expiries = members.flatMap(({ letter }) => (letter.expiresAtMs === null ? [] : [letter.expiresAtMs]));
  const steps = members.flatMap(({ letter }) => (letter.step === null ? [] : [unmapped(letter.step.stepKey)]));
  return {
    fingerprint,
    reason,
    errorClass,
    title: foldMessage(detail),
    count: members.length,
    steps: [...new Set(steps)].sort(),
    verdicts: countsOf(members.map(({ verdict }) => verdict.kind)),
    oldestMs: least(since),
    newestMs: -least(since.map((ms) => -ms)),
    soonestExpiryMs: expiries.length === 0 ? null : least(expiries),
    exampleId: message.id,
  };
}

function countsOf(kinds: readonly VerdictKind[]): LetterGroup["verdicts"] {
  const counted = Map.groupBy(kinds, (kind) => kind);
  return Object.fromEntries([...counted].map(([kind, same]) => [kind, same.length]));
}

/** `transform[part_3]` → `transform[…]`. */
function unmapped(stepKey: string): string {
  return stepKey.replace(/\[[^\]]*\]/g, "[…]");
}

/** Not `Math.min(...)`: a queue holds more than an argument list may. */
function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}
