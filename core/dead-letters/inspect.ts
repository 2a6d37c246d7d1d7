// Lists the dead letter queue: the chosen letters, each joined with the facts about its step.
import type { Clock } from "../clock.ts";
import { Fault } from "../faults.ts";
import type { DeadLetterQueue, Message } from "../queue/port.ts";
import { Choice, type Counts, type Mismatch } from "./choice.ts";
import { type LetterFilter, matchesJob } from "./filter.ts";
import { type Joined, type JoinPorts, joinLetters } from "./join.ts";
import { lookThrough } from "./look.ts";
import { readLetter } from "./read-letter.ts";
import type { JoinedLetter } from "./verdict.ts";

export interface InspectPorts extends Omit<JoinPorts, "nowMs"> {
  readonly letters: DeadLetterQueue;
  readonly clock: Clock;
  /** The operator's keys. One of them must have signed each letter. Absent or empty means none. */
  readonly envelopeKeys?: readonly string[];
}

export interface Inspection {
  /** Oldest first. */
  readonly letters: readonly JoinedLetter[];
  /**
   * How many letters were looked at, chosen or not. Each counts one receive more now, or two if its
   * FIFO group ended a full page.
   */
  readonly looked: number;
  /**
   * `quiet` stopped the look. Nothing is listed then, because the operator no longer waits for it.
   */
  readonly interrupted: boolean;
  /** The limit was reached, so there may be more. */
  readonly limited: boolean;
  /**
   * About how many letters could not be seen. Other readers hid them, or, in a FIFO queue, letters
   * of their group that were looked at.
   */
  readonly unseen: number;
  readonly dagsterSilent: string | null;
  /** Values of the filter that no letter has, or that several have. */
  readonly mismatches: readonly Mismatch[];
}

/**
 * For a caller that does more than look: it keeps the letters that were found, may mend their
 * bodies, and must give them back.
 */
export interface Keeping {
  keep(message: Message, hideMs: number): void;
  /** The message as it is to be read. */
  mended(message: Message): Message;
}

/**
 * How long a look hides letters: longer the more there are. If this process is killed, they stay
 * hidden for so long.
 */
const HIDE_LEAST_MS = 30_000;
const HIDE_MS_EACH = 20;
const HIDE_MOST_MS = 3_600_000;

/**
 * Rejects with a `Fault` if the queue or the ledger cannot be reached. The letters that were looked
 * at are given back all the same.
 */
export async function inspectDeadLetters(
  ports: InspectPorts,
  filter: LetterFilter,
  limit: number | null,
  quiet: AbortSignal,
  keeping: Keeping | null = null,
): Promise<Inspection> {
  const { letters: queue, clock } = ports;
  requireHarmless(queue);
  const { visible, inFlight } = await queue.depth();
  const choice = new Choice(filter);
  // Only Dagster knows a letter's job, so it must be asked for all of them.
  const enough = filter.job === null && !choice.needsAll && limit !== null ? limit : Number.POSITIVE_INFINITY;
  const hideMs = Math.min(HIDE_MOST_MS, HIDE_LEAST_MS + visible * HIDE_MS_EACH);
  const looked = await lookThrough(
    ports,
    {
      hideMs,
      restMs: 0,
      goOn: async () => choice.count < enough,
      see: async (message) => {
        const letter = readLetter(keeping?.mended(message) ?? message, queue, ports.envelopeKeys);
        if (!choice.see(letter)) return "give_back";
        keeping?.keep(message, hideMs);
        return keeping === null ? "give_back" : "keep";
      },
    },
    quiet,
  );
  if (quiet.aborted) return { ...nothing, looked, interrupted: true };
  const chosen = choice.end();
  const joined = await joinLetters(chosen.letters, { ...ports, nowMs: clock.wallMs() });
  const meant = joined.letters.filter(({ standing }) => matchesJob(filter, standing?.run?.job ?? null));
  meant.sort((a, b) => a.letter.sinceMs - b.letter.sinceMs);
  const limited = limit !== null && (meant.length > limit || choice.count >= enough);
  return {
    letters: limit === null ? meant : meant.slice(0, limit),
    looked,
    interrupted: false,
    limited,
    unseen: limited ? 0 : Math.max(0, visible + inFlight - looked),
    dagsterSilent: joined.dagsterSilent,
    mismatches: [...chosen.mismatches, ...(meant.length > 0 ? [] : jobMismatch(filter, joined))],
  };
}

const nothing = { letters: [], limited: false, unseen: 0, dagsterSilent: null, mismatches: [] };

/** Dagster was asked only for the jobs of letters that meet the other conditions. */
function jobMismatch({ job }: LetterFilter, { letters, dagsterSilent }: Joined): readonly Mismatch[] {
  if (job === null || letters.length === 0 || dagsterSilent !== null) return [];
  const byJob = Map.groupBy(letters, ({ standing }) => standing?.run?.job ?? null);
  const there: Counts = [...byJob].flatMap(([name, members]) => (name === null ? [] : [[name, members.length]]));
  return [{ condition: "job", given: job, kind: "unknown", there: there.toSorted(([, a], [, b]) => b - a) }];
}

/**
 * Each look is a receive, so a dead letter queue that redrives would move on, or lose, the letters.
 */
export function requireHarmless({ url, redrives }: Pick<DeadLetterQueue, "url" | "redrives">): void {
  if (!redrives) return;
  throw new Fault(
    "TQ_CONFIG",
    `the dead letter queue ${url} has a redrive policy of its own, which moves on the letters that are looked at`,
    {
      hint: "Remove that policy while you look.",
    },
  );
}
