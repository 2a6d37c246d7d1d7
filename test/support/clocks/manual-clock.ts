// Time that moves when a test says so. Sleepers wake in the order of their instants, each at its
// own instant.
import type { Clock } from "../../../core/clock.ts";
import { timeLimits } from "../../../core/time-limits.ts";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** More wakes than this without time going on are a loop that sleeps for nothing, not a program. */
const spinLimit = 10_000;

export class ManualClock implements Clock {
  #monoMs = 0;
  #epochMs: number;
  /** By instant, then by who slept first. */
  readonly #sleepers: Sleeper[] = [];
  readonly #quiet: () => Promise<void>;

  /** `quiet` resolves once everything that needs neither time nor I/O has run as far as it gets. */
  constructor(startWallMs = 1_790_000_000_000, quiet = quietLoop) {
    this.#epochMs = startWallMs;
    this.#quiet = quiet;
  }

  readonly wallMs = (): number => this.#epochMs + this.#monoMs;

  readonly monoMs = (): number => this.#monoMs;

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        callOff();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const callOff = this.schedule(ms, wake);
      signal?.addEventListener("abort", wake);
    });

  readonly #limits = timeLimits(this.sleep);

  readonly within = this.#limits.within;

  readonly deadline = this.#limits.deadline;

  /**
   * Sleep without a promise: calls `wake` in `ms`, unless the function it answers is called before.
   */
  readonly schedule = (ms: number, wake: () => void): (() => void) => {
    const sleeper = { atMs: this.#monoMs + Math.max(0, ms), wake };
    this.#enqueue(sleeper);
    return () => {
      const at = this.#sleepers.indexOf(sleeper);
      if (at !== -1) this.#sleepers.splice(at, 1);
    };
  };

  /**
   * Moves time on by `ms` and wakes who is due, those that fall asleep on the way included. Between
   * two wakes, everything the first one set off runs as far as it gets without time or I/O.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`expected ms to be zero or more, got ${ms}`);
    await this.#runUntil(this.#monoMs + ms);
  }

  /**
   * Moves time to the next sleeper's instant and wakes all that are due then. Returns `false`, and
   * leaves time as it is, when there is no sleeper.
   */
  async advanceToNext(): Promise<boolean> {
    await this.#quiet();
    const next = this.#sleepers[0];
    if (next !== undefined) await this.#runUntil(next.atMs);
    return next !== undefined;
  }

  /** Steps the wall clock alone, as NTP or an operator does; may be negative. No sleeper wakes. */
  stepWall(ms: number): void {
    this.#epochMs += ms;
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  async #runUntil(targetMs: number): Promise<void> {
    let wakes = 0;
    while (true) {
      await this.#quiet();
      const next = this.#sleepers[0];
      if (next === undefined || next.atMs > targetMs) break;
      wakes = next.atMs > this.#monoMs ? 0 : wakes + 1;
      if (wakes > spinLimit)
        throw new Error(`${spinLimit} sleepers woke at ${this.#monoMs} ms: something sleeps for 0 ms in a loop`);
      this.#monoMs = Math.max(this.#monoMs, next.atMs);
      this.#sleepers.shift();
      next.wake();
    }
    this.#monoMs = Math.max(this.#monoMs, targetMs);
  }

  #enqueue(sleeper: Sleeper): void {
    const sleepers = this.#sleepers;
    let [from, to] = [0, sleepers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((sleepers[middle]?.atMs ?? 0) <= sleeper.atMs) from = middle + 1;
      else to = middle;
    }
    sleepers.splice(from, 0, sleeper);
  }
}

/**
 * An immediate runs only once no microtask is left, however long their chain, and each turn of the
 * loop lets I/O in.
 */
function quietLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits for microtasks alone: a tick runs once none is left. A third of the price, for programs
 * without I/O.
 */
export function quietMicrotasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
