// What happened in each of the last intervals of time, in a ring of fixed size. Nothing runs while
// no request reads it. Pure: times are monotonic milliseconds.

export const INTERVAL_MS = 10_000;
/** A quarter of an hour. */
export const INTERVALS = 90;

interface Interval {
  /** Its number since the clock began. A place in the ring is used again and again. */
  readonly number: number;
  ended: number;
  failed: number;
  waits: number;
  waitedMs: number;
}

/** One number for each interval, oldest first. The last interval is not over. */
export interface Measured {
  readonly interval_ms: number;
  readonly ended: readonly number[];
  readonly failed: readonly number[];
  /** The mean wait. `null` where no step was claimed. */
  readonly wait_ms: readonly (number | null)[];
}

export class Series {
  readonly #ring: Interval[] = [];

  /** Counts an outcome that the ledger recorded. */
  ended(nowMs: number, failed: boolean): void {
    const interval = this.#at(nowMs);
    interval.ended += 1;
    if (failed) interval.failed += 1;
  }

  /** Counts a step's wait from the sending of its message to its claim. */
  waited(nowMs: number, ms: number): void {
    const interval = this.#at(nowMs);
    interval.waits += 1;
    interval.waitedMs += ms;
  }

  read(nowMs: number): Measured {
    const last = Math.floor(nowMs / INTERVAL_MS);
    const numbers = Array.from({ length: INTERVALS }, (_, index) => last - INTERVALS + 1 + index);
    const all = numbers.map((number) => this.#known(number) ?? empty(number));
    return {
      interval_ms: INTERVAL_MS,
      ended: all.map(({ ended }) => ended),
      failed: all.map(({ failed }) => failed),
      wait_ms: all.map(({ waits, waitedMs }) => (waits === 0 ? null : Math.round(waitedMs / waits))),
    };
  }

  #at(nowMs: number): Interval {
    const number = Math.floor(nowMs / INTERVAL_MS);
    const interval = this.#known(number) ?? empty(number);
    this.#ring[number % INTERVALS] = interval;
    return interval;
  }

  #known(number: number): Interval | null {
    const interval = this.#ring[number % INTERVALS];
    return interval?.number === number ? interval : null;
  }
}

function empty(number: number): Interval {
  return { number, ended: 0, failed: 0, waits: 0, waitedMs: 0 };
}
