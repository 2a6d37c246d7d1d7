// Puts dead letters back into their queue, or deletes them. The order is: plan in the ledger →
// reopen the row → send → note it sent → delete the letter → note it deleted. So a kill at any
// point loses nothing, and a second start finishes what was begun.
import { randomUUID } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { payloadDigest } from "../../delivery/digest.ts";
import type { BegunReplay, Ledger } from "../../ledger/port.ts";
import type { DeadLetterQueue, Resend } from "../../queue/port.ts";
import { decode } from "../../step/envelope.ts";
import type { HeldLetters } from "./held.ts";
import { inRounds, needsReopening, type PlannedLetter } from "./replay-plan.ts";

export interface ReplayPorts {
  readonly letters: Pick<DeadLetterQueue, "url" | "resend">;
  readonly held: HeldLetters;
  readonly ledger: Pick<Ledger, "planReplay" | "advanceReplay" | "find" | "reopen">;
  readonly clock: Clock;
}

export interface ReplaySettings {
  readonly who: string;
  readonly why: string;
  /** Messages a second. `null` means as fast as it goes. */
  readonly perSecond: number | null;
}

export type ReplayEnd =
  | { readonly kind: "sent"; readonly messageId: string }
  | { readonly kind: "deleted" }
  /** It was sent, but still lies in the dead letter queue. The next start deletes it. */
  | { readonly kind: "not_deleted" }
  /** Nothing was done: another reader has it, or its row has changed since the verdict. */
  | { readonly kind: "changed" }
  | { readonly kind: "not_sent" }
  /** It was begun, and no answer came. The next start finds out, and ends it. */
  | { readonly kind: "in_doubt" };

export interface ReplayedLetter {
  readonly planned: PlannedLetter;
  readonly end: ReplayEnd;
}

/** A letter of the round under way, and how far it has come. */
interface Acting {
  readonly planned: PlannedLetter;
  /** Its plan in the ledger. `null` means that there is none yet. */
  replay: BegunReplay | null;
  /**
   * Id of the message that takes its place in the queue: this round's, or that of an operator who
   * was faster.
   */
  sentId: string | null;
  /** `null` while its end is open. */
  end: ReplayEnd | null;
}

/**
 * Acts on the letters in order, and ends early when `quiet` aborts. Rejects with a `Fault`: the
 * next start finishes what was begun.
 */
export async function replayLetters(
  letters: readonly PlannedLetter[],
  ports: ReplayPorts,
  settings: ReplaySettings,
  quiet: AbortSignal,
  report: (done: ReplayedLetter) => void,
): Promise<void> {
  const stoppedGroups = new Set<string>();
  for (const round of inRounds(letters, groupOf)) {
    if (quiet.aborted) return;
    const startedMs = ports.clock.monoMs();
    await ports.held.keep();
    const [blocked, free] = split(round, (planned) => stoppedGroups.has(groupOf(planned) ?? ""));
    for (const planned of blocked) report({ planned, end: { kind: "not_sent" } });
    for (const one of await replayRound(free, ports, settings, report)) {
      const group = groupOf(one.planned);
      if (group !== null && ["not_sent", "changed"].includes(one.end.kind)) stoppedGroups.add(group);
      report(one);
    }
    if (settings.perSecond !== null) await rest((round.length * 1_000) / settings.perSecond, startedMs, ports, quiet);
  }
}

/**
 * If SQS or the ledger stops answering, reports every unfinished letter of the round as in doubt,
 * and rejects.
 */
async function replayRound(
  round: readonly PlannedLetter[],
  ports: ReplayPorts,
  settings: ReplaySettings,
  report: (done: ReplayedLetter) => void,
): Promise<readonly ReplayedLetter[]> {
  const letters: readonly Acting[] = round.map((planned) => ({ planned, replay: null, sentId: null, end: null }));
  const ended = () => letters.map(({ planned, end }) => ({ planned, end: end ?? ({ kind: "in_doubt" } as const) }));
  try {
    for (const letter of letters) await begin(letter, ports, settings);
    await sendAll(letters, ports);
    await deleteAll(letters, ports);
    return ended();
  } catch (error) {
    for (const one of ended()) report(one);
    throw error;
  }
}

/** Plans a letter in the ledger and reopens its row, so that its copy can be claimed. */
async function begin(letter: Acting, ports: ReplayPorts, settings: ReplaySettings): Promise<void> {
  const { planned } = letter;
  const { held, ledger } = ports;
  if (!held.has(planned.joined.letter.message.id)) {
    letter.end = { kind: "changed" };
    return;
  }
  const replay = await ledger.planReplay(planOf(planned, ports, settings), randomUUID());
  if (planned.act === "send" && replay.state !== "planned") letter.sentId = replay.sentId;
  else if (planned.act === "send" && !(await reopened(planned, ports, settings))) letter.end = { kind: "changed" };
  letter.replay = replay;
}

/** Sends the copies in one request, unless an operator who was faster has sent them. */
async function sendAll(round: readonly Acting[], { letters, ledger }: ReplayPorts): Promise<void> {
  const toSend = round.flatMap((letter) => {
    const { planned, replay, end } = letter;
    return end === null && planned.act === "send" && replay?.state === "planned" ? [{ letter, replay }] : [];
  });
  if (toSend.length === 0) return;
  const ends = await letters.resend(toSend.map(({ letter, replay }) => copyOf(letter.planned, replay)));
  for (const [i, { letter, replay }] of toSend.entries()) {
    const sent = ends[i];
    if (sent?.kind === "sent") {
      letter.sentId = sent.messageId;
      await ledger.advanceReplay(replay.letterId, "sent", sent.messageId);
    } else letter.end = { kind: "not_sent" };
  }
}

/** Deletes the letters whose copy was sent, and those that need none. */
async function deleteAll(round: readonly Acting[], { held, ledger }: ReplayPorts): Promise<void> {
  const toDelete = round.filter(({ end }) => end === null);
  const gone = await held.delete(toDelete.map(({ planned }) => planned.joined.letter.message.id));
  for (const [i, letter] of toDelete.entries()) {
    if (gone[i] !== true) {
      letter.end = { kind: "not_deleted" };
      continue;
    }
    await ledger.advanceReplay(letter.planned.joined.letter.message.id, "deleted", null);
    letter.end = letter.sentId === null ? { kind: "deleted" } : { kind: "sent", messageId: letter.sentId };
  }
}

function planOf({ act, joined }: PlannedLetter, { letters }: ReplayPorts, { who, why }: ReplaySettings) {
  const { key, message } = joined.letter;
  const what = act === "purge" ? "purge" : "replay";
  return { letterId: message.id, queueUrl: letters.url, subject: key ?? message.id, act: what, who, why } as const;
}

/** Resolves with false if the row has changed since the verdict. */
async function reopened({ joined }: PlannedLetter, { ledger }: ReplayPorts, audit: ReplaySettings): Promise<boolean> {
  const { letter, row: seen } = joined;
  if (letter.key === null) return true;
  const row = await ledger.find(letter.key);
  if (row === null) return true;
  const decoded = decode(letter.message.body);
  const digest = decoded.kind === "step" ? payloadDigest(decoded.envelope) : null;
  if (!needsReopening(row, digest)) return true;
  if (row.fence !== seen?.fence) return false;
  const { who, why } = audit;
  return (await ledger.reopen({ key: row.key, fence: row.fence, payloadDigest: digest, who, why })) === "reopened";
}

/**
 * Its id is random. A producer that could foresee it could use it up: SQS would drop the copy, and
 * the letter would be deleted.
 */
function copyOf(planned: PlannedLetter, { deduplicationId }: BegunReplay): Resend {
  const { message, groupId, key } = planned.joined.letter;
  const ownGroup = key === null ? null : deduplicationId;
  return { letter: message, body: message.body, groupId: groupId ?? ownGroup, deduplicationId };
}

function groupOf({ act, joined }: PlannedLetter): string | null {
  return act === "send" ? joined.letter.groupId : null;
}

/** Waits until `ms` have passed since `sinceMs`, and keeps the letters held meanwhile. */
async function rest(ms: number, sinceMs: number, { clock, held }: ReplayPorts, quiet: AbortSignal): Promise<void> {
  while (!quiet.aborted && clock.monoMs() < sinceMs + ms) {
    await clock.sleep(Math.min(5_000, sinceMs + ms - clock.monoMs()), quiet);
    await held.keep();
  }
}

function split<T>(all: readonly T[], test: (one: T) => boolean): readonly [yes: readonly T[], no: readonly T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
