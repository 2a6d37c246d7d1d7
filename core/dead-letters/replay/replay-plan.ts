// Decides what a replay does with each dead letter, and why. Pure.
import { reasonNamed } from "../../delivery/reasons.ts";
import type { LedgerRow, Replay } from "../../ledger/port.ts";
import { MESSAGES_A_REQUEST } from "../../queue/port.ts";
import { queueNameOf } from "../../queue/queue-place.ts";
import { decode } from "../../step/envelope.ts";
import { idempotencyKey, type StepId } from "../../step/step.ts";
import type { DeadLetter } from "../letter.ts";
import type { JoinedLetter, Verdict } from "../verdict.ts";

/** `finish`: its copy was sent before, and only its deletion is left. */
export type ReplayAct = "send" | "finish" | "purge" | "skip" | "refuse";

export interface PlannedLetter {
  readonly joined: JoinedLetter;
  /** The plan of an earlier start of the command. `null` means that there is none. */
  readonly begun: Replay | null;
  readonly act: ReplayAct;
  /** The reason in a sentence. */
  readonly why: string;
}

export interface ReplayWish {
  /** URL of the queue that letters go back to. */
  readonly sourceUrl: string;
  /** Ids of letters whose mended body names another step than the one that lies there. */
  readonly misnamed: ReadonlySet<string>;
  /**
   * Ids of letters whose signature does not fit their mended body, for lack of a key to sign it
   * with.
   */
  readonly unsignable: ReadonlySet<string>;
  /**
   * Instead, delete the letters that are safe to delete, and those that are named and that nothing
   * waits for. `null` means replay.
   */
  readonly purge: Naming | null;
}

/** How the operator chose the letters. */
export interface Naming {
  /** Each by its id, or by its line of an export. */
  readonly byId: boolean;
  readonly reason: string | null;
}

export function planLetter(joined: JoinedLetter, begun: Replay | null, wish: ReplayWish): PlannedLetter {
  return { joined, begun, ...decide(joined, begun, wish) };
}

function decide({ letter, verdict }: JoinedLetter, begun: Replay | null, wish: ReplayWish): Decision {
  if (begun !== null && begun.state !== "planned") return finished(begun);
  if (verdict.act === "purge" && (wish.purge !== null || begun?.act === "replay"))
    return { act: "purge", why: verdict.words };
  if (wish.purge !== null) return purgeNamed(letter, verdict, wish.purge);
  const theirs = foreignQueue(letter, wish.sourceUrl);
  if (theirs !== null) return { act: "refuse", why: `it came from another queue, ${theirs}: name that one` };
  if (wish.misnamed.has(letter.message.id)) return { act: "refuse", why: "its mended body names another step" };
  if (wish.unsignable.has(letter.message.id))
    return { act: "refuse", why: "its body was mended, and signing it needs TASKIQ_ENVELOPE_KEY" };
  switch (verdict.act) {
    case "replay":
      return { act: "send", why: begun === null ? verdict.words : `begun by ${begun.who} and not known to be sent` };
    case "purge":
    case "wait":
      return { act: "skip", why: verdict.words };
    case "mend":
      return { act: "refuse", why: `${verdict.words}: export it, mend its body, and give the file with --allow-edit` };
    case "reexecute":
      return { act: "refuse", why: `${verdict.words} (taskiq reexecute)` };
    case "ask":
      return { act: "refuse", why: verdict.words };
  }
}

type Decision = Pick<PlannedLetter, "act" | "why">;

function purgeNamed({ message }: DeadLetter, { words, purgedAs }: Verdict, { byId, reason }: Naming): Decision {
  if (purgedAs === undefined) return { act: "refuse", why: `not known to be safe: ${words}` };
  if (byId || (reason !== null && purgedAs.includes(reasonNamed(reason)))) return { act: "purge", why: words };
  const names = [`--id ${message.id}`, ...purgedAs.map((one) => `--reason ${one}`)].join(" or ");
  return { act: "refuse", why: `${words}; name it to have it deleted: ${names}` };
}

function finished({ act, sentId, who }: Replay): Decision {
  const what = act === "purge" ? `deleted by ${who}` : `sent by ${who} as ${sentId ?? "an unknown message"}`;
  return { act: "finish", why: `${what} before: only its deletion is left` };
}

/**
 * Returns `null` if it came from our queue. Compares names, because URLs of one queue differ by
 * endpoint.
 */
function foreignQueue({ reason, burial, message }: JoinedLetter["letter"], sourceUrl: string): string | null {
  if (reason === "moved_from_elsewhere") return message.movedFrom ?? "which is not known";
  if (burial === null) return null;
  return queueNameOf(burial.sourceUrl) === queueNameOf(sourceUrl) ? null : burial.sourceUrl;
}

/** A body that names no step may be mended into one of any step. */
export function namesAnotherStep(body: string, mended: string): boolean {
  const [before, after] = [stepNamed(body), stepNamed(mended)];
  return before !== null && after !== null && idempotencyKey(before) !== idempotencyKey(after);
}

function stepNamed(body: string): StepId | null {
  const decoded = decode(body);
  if (decoded.kind === "unknown_version") return null;
  return decoded.kind === "step" ? decoded.envelope : decoded.step;
}

/**
 * A row that counts no start and knows this body needs no reopening. It is left so by a reopening
 * whose message was not sent.
 */
export function needsReopening(row: LedgerRow, digest: string | null): boolean {
  const known = digest === null || row.payloadDigest === digest;
  return row.state !== "pending" || row.starts > 0 || !known;
}

/**
 * Splits letters into rounds of one request, each with at most one letter of a group: no letter may
 * overtake one of its group that failed.
 */
export function inRounds<T>(letters: readonly T[], groupOf: (letter: T) => string | null): readonly (readonly T[])[] {
  const rounds: T[][] = [];
  const lastRound = new Map<string, number>();
  let open = 0;
  for (const letter of letters) {
    const group = groupOf(letter);
    let at = Math.max(open, group === null ? 0 : (lastRound.get(group) ?? -1) + 1);
    while ((rounds[at]?.length ?? 0) >= MESSAGES_A_REQUEST) at += 1;
    while (rounds.length <= at) rounds.push([]);
    rounds[at]?.push(letter);
    if (group !== null) lastRound.set(group, at);
    while ((rounds[open]?.length ?? 0) >= MESSAGES_A_REQUEST) open += 1;
  }
  return rounds;
}
