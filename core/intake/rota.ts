// The rota: which of several queues is asked next, for how many messages, and how long it may wait
// for one. Pure.
//
// Queues without a weight come first, in their order, and each is asked before those behind it
// (strict priority). The others share the remaining slots by their weights. Over time, each is
// handed messages in proportion to its weight, as long as it has them.
//
// | Now                          | Asked is                                                                    |
// |------------------------------|-----------------------------------------------------------------------------|
// | some queue is known to have more | the first one, in that order, that has or may have: for all free slots, to be answered at once |
// | none is                      | each of them, for one message, until one comes: a long poll, which keeps one slot free |
// | fewer slots than such queues | one after the other, for a second each                                      |
//
// Every message that is asked for has a slot that waits for it. A message that waited for a slot
// would come before a more urgent one.
import { MESSAGES_A_REQUEST } from "../queue/port.ts";

/** The room that one queue has for messages now. */
export interface Room {
  /** Slots that it may take. */
  readonly free: number;
  /** How many messages its circuit allows. */
  readonly max: number;
  /** The next receive finds out whether the queue works again. */
  readonly probe: boolean;
  /** A receive is under way. */
  readonly polled: boolean;
}

export interface Ask {
  /** Its place in the list of queues. */
  readonly queue: number;
  readonly max: number;
  /**
   * How long it waits for a message: not at all, a second at most, or as long as a receive waits.
   */
  readonly wait: "none" | "second" | "long";
  /** No other queue is asked before it is answered. */
  readonly alone: boolean;
}

/**
 * While others have messages, a queue that was found empty is not asked again for so long: requests
 * cost money.
 */
const EMPTY_MS = 1_000;
/**
 * A receive that does not wait looks at only some of SQS's servers and may miss messages. So one
 * receive in this time waits, which costs 1 % of a slot.
 */
const THOROUGH_MS = 100_000;
/** A queue that does not answer keeps the others waiting for so long at most. */
const ANSWER_MS = 1_000;

interface Standing {
  readonly weight: number | null;
  /** Its last receive brought messages, so there may be more. */
  more: boolean;
  askedAtMs: number;
  answeredAtMs: number;
  /** When a receive that waited was answered. */
  waitedAtMs: number;
  /** The messages that it was handed, divided by its weight. */
  handed: number;
}

export class Rota {
  readonly #queues: readonly Standing[];
  readonly #strict: readonly number[];
  readonly #weighted: readonly number[];
  /**
   * `handed` of the queue that was last chosen by weight. A queue that had nothing to ask for until
   * now starts from there.
   */
  #level = 0;
  #alone: { readonly queue: number; readonly untilMs: number } | null = null;

  /** `null` means no weight. */
  constructor(weights: readonly (number | null)[]) {
    const never = Number.NEGATIVE_INFINITY;
    this.#queues = weights.map((weight) => ({
      weight,
      more: false,
      handed: 0,
      askedAtMs: never,
      answeredAtMs: never,
      waitedAtMs: never,
    }));
    const places = weights.map((_, i) => i);
    this.#strict = places.filter((i) => weights[i] === null);
    this.#weighted = places.filter((i) => weights[i] !== null);
  }

  /** Returns `null` if no queue is to be asked now. */
  next(nowMs: number, free: number, rooms: readonly Room[]): Ask | null {
    const may = (i: number) => {
      const room = rooms[i];
      return room !== undefined && room.free > 0 && room.max > 0 && !room.polled;
    };
    if (free <= 0) return null;
    const probed = rooms.findIndex(({ probe }, i) => probe && may(i));
    if (probed >= 0) return { queue: probed, max: 1, wait: "none", alone: false };
    if (this.isWaiting(nowMs)) return null;
    const open = [...this.#strict, ...this.#byNeed()].filter(may);
    const pressed = open.some((i) => this.#at(i).more);
    return pressed ? this.#demand(open, nowMs, free, rooms) : this.#watch(open, free);
  }

  /** Returns whether the next turn depends on an answer that is due. */
  isWaiting(nowMs: number): boolean {
    return this.#alone !== null && nowMs < this.#alone.untilMs;
  }

  asked({ queue, wait, alone }: Ask, nowMs: number): void {
    const standing = this.#at(queue);
    standing.askedAtMs = nowMs;
    if (!alone) return;
    this.#alone = { queue, untilMs: nowMs + ANSWER_MS + (wait === "none" ? 0 : EMPTY_MS) };
    if (standing.weight !== null) this.#level = Math.max(this.#level, standing.handed);
  }

  /** `count` is 0 also for a receive that failed. */
  answered({ queue, wait }: Ask, count: number, nowMs: number): void {
    const standing = this.#at(queue);
    if (this.#alone?.queue === queue) this.#alone = null;
    standing.more = count > 0;
    standing.answeredAtMs = nowMs;
    if (wait !== "none") standing.waitedAtMs = nowMs;
    if (standing.weight !== null) standing.handed = this.#handed(standing) + count / standing.weight;
  }

  #demand(open: readonly number[], nowMs: number, free: number, rooms: readonly Room[]): Ask | null {
    const queue = open.find((i) => this.#at(i).more || nowMs - this.#at(i).answeredAtMs >= EMPTY_MS);
    const room = queue === undefined ? undefined : rooms[queue];
    if (queue === undefined || room === undefined) return null;
    const { more, waitedAtMs } = this.#at(queue);
    const thorough = !more && nowMs - waitedAtMs >= THOROUGH_MS;
    const max = Math.min(MESSAGES_A_REQUEST, room.max, room.free, free);
    return { queue, max, wait: thorough ? "second" : "none", alone: true };
  }

  /** Asks the queue that was not asked for the longest time. */
  #watch(open: readonly number[], free: number): Ask | null {
    const [first, ...others] = open;
    if (first === undefined) return null;
    const queue = others.reduce((one, i) => (this.#at(i).askedAtMs < this.#at(one).askedAtMs ? i : one), first);
    return { queue, max: 1, wait: open.length <= free ? "long" : "second", alone: false };
  }

  #byNeed(): readonly number[] {
    return this.#weighted.toSorted((a, b) => this.#handed(this.#at(a)) - this.#handed(this.#at(b)));
  }

  /** Gives no credit for the time in which the queue was empty, full or shut. */
  #handed({ handed }: Standing): number {
    return Math.max(handed, this.#level);
  }

  #at(i: number): Standing {
    const standing = this.#queues[i];
    if (standing === undefined) throw new Error(`no queue ${i} in the rota`);
    return standing;
  }
}
