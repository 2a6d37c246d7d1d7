// Whether a queue is empty, which no single answer of SQS says. Its counts are approximate and
// settle within a minute (API reference, GetQueueAttributes). A long poll may find nothing while
// another worker holds the messages. So a queue is called empty after a spell in which nothing
// spoke against it. Pure. Times are monotonic milliseconds.

export type Seen =
  /** A long poll of ours was answered. */
  | { readonly is: "polled"; readonly beganMs: number; readonly received: number }
  | {
      readonly is: "counted";
      readonly atMs: number;
      readonly visible: number;
      readonly inFlight: number;
      readonly delayed: number;
    }
  /** A call failed, or this worker is busy itself, so the counts prove nothing. */
  | { readonly is: "unknown" };

/**
 * A time in which every count was zero and every poll empty; null when the last thing seen spoke
 * against it.
 */
export type Spell = {
  readonly sinceMs: number;
  /** When the last count was taken. */
  readonly countedMs: number;
  /** Long polls that began in it and found nothing. */
  readonly polls: number;
} | null;

export const LEAST_POLLS = 3;

export function see(spell: Spell, seen: Seen): Spell {
  switch (seen.is) {
    case "unknown":
      return null;
    case "polled":
      if (seen.received > 0 || spell === null) return null;
      return seen.beganMs < spell.sinceMs ? spell : { ...spell, polls: spell.polls + 1 };
    case "counted":
      if (seen.visible + seen.inFlight + seen.delayed > 0) return null;
      return { sinceMs: seen.atMs, polls: 0, ...spell, countedMs: seen.atMs };
  }
}

/** `settleMs`: how long a spell has to last. */
export function isProven(spell: Spell, settleMs: number): boolean {
  return spell !== null && spell.polls >= LEAST_POLLS && spell.countedMs - spell.sinceMs >= settleMs;
}
