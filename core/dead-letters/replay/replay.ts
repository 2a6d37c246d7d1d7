// Puts dead letters back into their queue, or deletes them. In this order, so that a kill at any point loses nothing and a second start
// finishes what was begun: plan in the ledger → reopen the row → send → note it sent → delete the letter → note it deleted.
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
  /** Messages a second; null for as fast as it goes. */
  readonly perSecond: number | null;
}

export type ReplayEnd =
  | { readonly kind: "sent"; readonly messageId: string }
  | { readonly kind: "deleted" }
  /** It was sent, but lies in the dead letter queue still: the next start deletes it. */
  | { readonly kind: "not_deleted" }
  /** Another reader has it, or somebody changed its row since it was looked at: nothing was done. */
  | { readonly kind: "changed" }
  | { readonly kind: "not_sent" }
  /** It was begun, and no answer came: the next start finds out, and ends it. */
  | { readonly kind: "in_doubt" };

export interface ReplayedLetter {
  readonly planned: PlannedLetter;
  readonly end: ReplayEnd;
}

interface Begun {
  readonly planned: PlannedLetter;
  readonly replay: BegunReplay;
}

/** Those that are to be acted on, in order; ends early when `quiet` aborts. Rejects with a `Fault`: what was begun is finished by the next start. */
export async function replayLetters(
  letters: readonly PlannedLetter[],
  ports: ReplayPorts,
  settings: ReplaySettings,
  quiet: AbortSignal,
  tell: (done: ReplayedLetter) => void,
): Promise<void> {
  const stoppedGroups = new Set<string>();
  for (const round of inRounds(letters, groupOf)) {
    if (quiet.aborted) return;
    const startedMs = ports.clock.monoMs();
    await ports.held.keep();
    const [blocked, free] = split(round, (planned) => stoppedGroups.has(groupOf(planned) ?? ""));
    for (const planned of blocked) tell({ planned, end: { kind: "not_sent" } });
    for (const one of await replayRound(free, ports, settings, tell)) {
      const group = groupOf(one.planned);
      if (group !== null && ["not_sent", "changed"].includes(one.end.kind)) stoppedGroups.add(group);
      tell(one);
    }
    if (settings.perSecond !== null) await rest((round.length * 1_000) / settings.perSecond, startedMs, ports, quiet);
  }
}

/** What it does not come to an end with, since nobody answers, is told as in doubt. */
async function replayRound(
  round: readonly PlannedLetter[],
  ports: ReplayPorts,
  settings: ReplaySettings,
  tell: (done: ReplayedLetter) => void,
): Promise<readonly ReplayedLetter[]> {
  const done: ReplayedLetter[] = [];
  try {
    await actOnRound(round, ports, settings, done);
    return done;
  } catch (error) {
    const ended = new Map(done.map(({ planned, end }) => [planned, end]));
    for (const planned of round) tell({ planned, end: ended.get(planned) ?? { kind: "in_doubt" } });
    throw error;
  }
}

async function actOnRound(
  round: readonly PlannedLetter[],
  ports: ReplayPorts,
  settings: ReplaySettings,
  done: ReplayedLetter[],
): Promise<void> {
  const { held, ledger } = ports;
  const begun: Begun[] = [];
  const [mine, lost] = split(round, ({ joined }) => held.has(joined.letter.message.id));
  for (const planned of lost) done.push({ planned, end: { kind: "changed" } });
  for (const planned of mine) {
    const replay = await ledger.planReplay(planOf(planned, ports, settings), randomUUID());
    if (planned.act !== "send" || replay.state !== "planned" || (await reopened(planned, ports, settings)))
      begun.push({ planned, replay });
    else done.push({ planned, end: { kind: "changed" } });
  }
  const [toSend, toDelete] = split(
    begun,
    ({ planned, replay }) => planned.act === "send" && replay.state === "planned",
  );
  const sent = await sendAll(toSend, ports);
  const ids = new Map(
    sent.flatMap(({ begun: { planned }, messageId }) => (messageId === null ? [] : [[planned, messageId]])),
  );
  // Another operator was faster: theirs is the message that was to be sent.
  const theirs = new Map(
    toDelete.map(({ planned, replay }) => [planned, planned.act === "send" ? replay.sentId : null]),
  );
  for (const {
    begun: { planned },
    messageId,
  } of sent) {
    if (messageId === null) done.push({ planned, end: { kind: "not_sent" } });
  }
  const going = [...toDelete.map(({ planned }) => planned), ...ids.keys()];
  const gone = await held.delete(going.map(({ joined }) => joined.letter.message.id));
  for (const [i, planned] of going.entries()) {
    if (gone[i] !== true) {
      done.push({ planned, end: { kind: "not_deleted" } });
      continue;
    }
    await ledger.advanceReplay(planned.joined.letter.message.id, "deleted", null);
    const messageId = ids.get(planned) ?? theirs.get(planned) ?? null;
    done.push({ planned, end: messageId === null ? { kind: "deleted" } : { kind: "sent", messageId } });
  }
}

function planOf({ act, joined }: PlannedLetter, { letters }: ReplayPorts, { who, why }: ReplaySettings) {
  const { key, message } = joined.letter;
  const what = act === "purge" ? "purge" : "replay";
  return { letterId: message.id, queueUrl: letters.url, subject: key ?? message.id, act: what, who, why } as const;
}

/** False when the row is not as it was when it was decided about. */
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

async function sendAll(
  toSend: readonly Begun[],
  { letters, ledger }: ReplayPorts,
): Promise<readonly { readonly begun: Begun; readonly messageId: string | null }[]> {
  if (toSend.length === 0) return [];
  const ends = await letters.resend(toSend.map(copyOf));
  const sent = toSend.map((begun, i) => {
    const end = ends[i];
    return { begun, messageId: end?.kind === "sent" ? end.messageId : null };
  });
  for (const { begun, messageId } of sent) {
    if (messageId !== null) await ledger.advanceReplay(begun.replay.letterId, "sent", messageId);
  }
  return sent;
}

/** A producer that could foresee the id could use it up: SQS would drop the copy, and the letter would be deleted. */
function copyOf({ planned, replay: { deduplicationId } }: Begun): Resend {
  const { message, groupId, key } = planned.joined.letter;
  const ownGroup = key === null ? null : deduplicationId;
  return { letter: message, body: message.body, groupId: groupId ?? ownGroup, deduplicationId };
}

function groupOf({ act, joined }: PlannedLetter): string | null {
  return act === "send" ? joined.letter.groupId : null;
}

/** Letters stay held meanwhile. */
async function rest(ms: number, sinceMs: number, { clock, held }: ReplayPorts, quiet: AbortSignal): Promise<void> {
  while (!quiet.aborted && clock.monoMs() < sinceMs + ms) {
    await clock.sleep(Math.min(5_000, sinceMs + ms - clock.monoMs()), quiet);
    await held.keep();
  }
}

function split<T>(all: readonly T[], test: (one: T) => boolean): readonly [yes: readonly T[], no: readonly T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
