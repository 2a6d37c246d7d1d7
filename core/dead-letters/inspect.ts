// What lies in the dead letter queue: every letter that is meant, joined with what is known of its step.
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
  /** The operator's, of which one must have signed each letter; absent or empty: none. */
  readonly envelopeKeys?: readonly string[];
}

export interface Inspection {
  /** Oldest first. */
  readonly letters: readonly JoinedLetter[];
  /** How many were looked at, meant or not; each counts one receive more now, or two if its FIFO group ended a full page. */
  readonly looked: number;
  /** Stopped by `quiet`: nothing is listed, since nobody waits for it. */
  readonly interrupted: boolean;
  /** The limit was reached: there may be more. */
  readonly limited: boolean;
  /** About how many could not be seen: other readers hid them, or, of a FIFO queue, others of their group that were looked at. */
  readonly unseen: number;
  readonly dagsterSilent: string | null;
  /** Values of the filter that no letter has, or several. */
  readonly mismatches: readonly Mismatch[];
}

/** For whoever does more than look: what is found stays with them, bodies perhaps mended; they give it back. */
export interface Keeping {
  keep(message: Message, hideMs: number): void;
  /** The message as it is to be read. */
  mended(message: Message): Message;
}

/** What is looked at is hidden for the least, and for longer the more there is; should this process be killed, for so long. */
const HIDE_LEAST_MS = 30_000;
const HIDE_MS_EACH = 20;
const HIDE_MOST_MS = 3_600_000;

/** Rejects with a `Fault` when the queue or the ledger cannot be reached; what was looked at is given back all the same. */
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
  // Of which job a letter is, only Dagster knows: all of them have to be asked for.
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

/** Dagster was asked for the jobs of letters that meet the other conditions alone. */
function jobMismatch({ job }: LetterFilter, { letters, dagsterSilent }: Joined): readonly Mismatch[] {
  if (job === null || letters.length === 0 || dagsterSilent !== null) return [];
  const byJob = Map.groupBy(letters, ({ standing }) => standing?.run?.job ?? null);
  const there: Counts = [...byJob].flatMap(([name, members]) => (name === null ? [] : [[name, members.length]]));
  return [{ condition: "job", given: job, kind: "unknown", there: there.toSorted(([, a], [, b]) => b - a) }];
}

/** Looking is a receive: a dead letter queue that redrives would move on, or lose, what is looked at. */
export function requireHarmless({ url, redrives }: Pick<DeadLetterQueue, "url" | "redrives">): void {
  if (!redrives) return;
  throw new Fault(
    "TQ_CONFIG",
    `the dead letter queue ${url} has a redrive policy itself, which moves on what is looked at`,
    {
      hint: "Take that policy away for as long as you look.",
    },
  );
}
