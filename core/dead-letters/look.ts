// Looks through the dead letter queue without harm, for the sweep and for operators. Each look
// hides a message for a while and raises its receive count. Every letter that was looked at is
// given back as it was found, even if the look fails.
import type { Clock } from "../clock.ts";
import { type DeadLetterQueue, MESSAGES_A_REQUEST, type Message } from "../queue/port.ts";

export interface LookPorts {
  readonly letters: Pick<DeadLetterQueue, "receive" | "extend">;
  readonly clock: Clock;
}

/** When a message was received, by both clocks. */
export interface ReceivedAt {
  readonly wallMs: number;
  readonly monoMs: number;
}

export interface Look {
  /**
   * How long each message is hidden. It must be longer than the look, or the look would meet the
   * first ones again.
   */
  readonly hideMs: number;
  /** Rest between two pages, for the queue's other readers. */
  readonly restMs: number;
  /** Called before each page. The look ends if it resolves with false. */
  goOn(): Promise<boolean>;
  /**
   * Called once for each message. `hides` means that others of its group may lie behind it, and
   * stay unseen for as long as it is there. Resolve with `keep` if the message was dealt with and
   * must not be given back.
   */
  see(message: Message, at: ReceivedAt, hides: boolean): Promise<"give_back" | "keep">;
}

/**
 * A full request. Polls for a second, or a standard queue may answer with no messages although it
 * has some.
 */
const PAGE = { max: MESSAGES_A_REQUEST, waitMs: 1_000 };
/** How many messages are given back together. A look may have found thousands. */
const GIVEN_BACK_TOGETHER = 50;
/**
 * A standard queue may hand out a hidden message again. After so many whole pages of such messages,
 * the first ones have become visible again.
 */
const STALE_PAGES = 3;

/**
 * Looks until there is no new message, `goOn` says no, or `quiet` aborts. Resolves with the number
 * of messages that it saw.
 */
export async function lookThrough(ports: LookPorts, look: Look, quiet: AbortSignal): Promise<number> {
  const { letters, clock } = ports;
  const seen = new Set<string>();
  const toGiveBack = new Set<string>();
  let stalePages = 0;
  try {
    while (stalePages < STALE_PAGES && !quiet.aborted && (await look.goOn())) {
      const messages = await letters.receive({ ...PAGE, visibilityMs: look.hideMs });
      const at = { wallMs: clock.wallMs(), monoMs: clock.monoMs() };
      if (messages.length === 0) break;
      const { whole, cut, hides } = byGroups(messages);
      // All of them come first, so that they are given back like the others if something throws.
      for (const { receipt } of whole) toGiveBack.add(receipt);
      await giveBack(cut, letters);
      const fresh = whole.filter(({ id }) => !seen.has(id));
      stalePages = fresh.length === 0 ? stalePages + 1 : 0;
      for (const message of fresh) {
        seen.add(message.id);
        if ((await look.see(message, at, hides)) === "keep") toGiveBack.delete(message.receipt);
      }
      await clock.sleep(look.restMs, quiet);
    }
  } finally {
    await giveBack([...toGiveBack], letters);
  }
  return seen.size;
}

/**
 * Splits a page by groups. A FIFO queue hands out as many of one group as it can before it turns to
 * the next. It hides a group's rest while one of it is in flight (guide, "FIFO queue delivery
 * logic"). So the last group of a full page may go on behind it. That group is given back at once,
 * and comes first and whole in the next page. A group that fills a page hides the letters behind
 * its first ten.
 */
function byGroups(messages: readonly Message[]) {
  const last = messages.at(-1);
  if (messages.length < PAGE.max || last === undefined || isAlone(last)) {
    return { whole: messages, cut: [], hides: false };
  }
  const isOfLast = ({ groupId }: Message) => groupId === last.groupId;
  if (messages.every(isOfLast)) return { whole: messages, cut: [], hides: true };
  const cut = messages.filter(isOfLast).map(({ receipt }) => receipt);
  return { whole: messages.filter((message) => !isOfLast(message)), cut, hides: false };
}

/**
 * Messages of a standard queue hide nothing. The copies that workers make are a group each
 * (`core/queue/sqs/bury.ts`).
 */
function isAlone({ groupId, deduplicationId }: Message): boolean {
  return deduplicationId === null || groupId === deduplicationId;
}

/**
 * A message that cannot be given back becomes visible when its visibility ends. A failed call does
 * not keep the others from being tried.
 */
async function giveBack(receipts: readonly string[], letters: LookPorts["letters"]): Promise<void> {
  const failures: unknown[] = [];
  for (let from = 0; from < receipts.length; from += GIVEN_BACK_TOGETHER) {
    const some = receipts.slice(from, from + GIVEN_BACK_TOGETHER);
    try {
      await letters.extend(some.map((receipt) => ({ receipt, visibilityMs: 0 })));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
