// The appetite: how many messages the next receive may bring. Pure.
//
// It is the number of free slots, so that every message can start. Where steps are short, a slot
// would be idle for a noticeable part of its time while a receive is under way. There a receive may
// bring a few more, as many as will start within half a second at the pace of the last seconds.

import { MESSAGES_A_REQUEST } from "../queue/port.ts";

export interface Load {
  readonly free: number;
  /** Received chains that have no slot yet. */
  readonly waiting: number;
  /** How many messages without a slot the receives under way may bring. */
  readonly asked: number;
  readonly polls: number;
  /** The last receive brought as many messages as it might, so there are more. */
  readonly backlog: boolean;
  readonly pace: Pace;
}

/** The pace of the last seconds. */
export interface Pace {
  /** How many slots became free in a second. */
  readonly perSecond: number;
  /** How long a slot was taken, on average. Infinite if no chain ended. */
  readonly takenMs: number;
}

/** There is one receive while idle, and more only while each brings as many messages as it may. */
const POLLS_MAX = 8;
const AHEAD_S = 0.5;
const AHEAD_MAX = 50;
/**
 * A receive may take so long. The messages that were fetched ahead must last until it is answered.
 */
const RECEIVE_S = 0.1;
/** A message must not wait here behind long steps while another worker is idle. */
const SHORT_MS = 1_000;

/** Returns 0 if nothing is to be received now. */
export function appetite({ free, waiting, asked, polls, backlog, pace }: Load): number {
  if (polls > 0 && (!backlog || polls >= POLLS_MAX)) return 0;
  const ahead = aheadOf(pace);
  const wanted = free + ahead - waiting - asked;
  const idle = free - waiting - asked;
  return wanted >= (idle > 0 ? 1 : worthwhile(ahead, pace)) ? Math.min(MESSAGES_A_REQUEST, wanted) : 0;
}

/** Returns how many messages make a receive worth its request, if none of them is needed yet. */
function worthwhile(ahead: number, { perSecond }: Pace): number {
  const spare = ahead - Math.ceil(perSecond * RECEIVE_S);
  return Math.max(1, Math.min(MESSAGES_A_REQUEST, Math.max(Math.ceil(ahead / 2), spare)));
}

function aheadOf({ perSecond, takenMs }: Pace): number {
  return takenMs > SHORT_MS ? 0 : Math.min(AHEAD_MAX, Math.floor(perSecond * AHEAD_S));
}

/** Measures the pace from the chains that ended in the last two seconds. */
export class PaceMeter {
  readonly #ended: { readonly atMs: number; readonly takenMs: number }[] = [];

  ended(atMs: number, takenMs: number): void {
    this.#ended.push({ atMs, takenMs });
    // More of them would give the same pace.
    if (this.#ended.length > LOOKED_AT_MAX) this.#ended.shift();
  }

  at(nowMs: number): Pace {
    while (this.#ended[0] !== undefined && this.#ended[0].atMs <= nowMs - LOOKED_AT_MS) this.#ended.shift();
    const [oldest] = this.#ended;
    if (oldest === undefined) return { perSecond: 0, takenMs: Number.POSITIVE_INFINITY };
    const count = this.#ended.length;
    const spanMs = count < LOOKED_AT_MAX ? LOOKED_AT_MS : Math.max(1, nowMs - oldest.atMs);
    const takenMs = this.#ended.reduce((sum, one) => sum + one.takenMs, 0) / count;
    return { perSecond: (count / spanMs) * 1_000, takenMs };
  }
}

const LOOKED_AT_MS = 2_000;
const LOOKED_AT_MAX = 64;
