// The connections of one ledger: few, made when needed, and a question is asked again over another
// while there is time.
import type { TransactionSql } from "postgres";
import { backoff, jittered } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import { Fault } from "../../faults.ts";
import { until } from "../../on-abort.ts";
import { NoAnswer } from "../../time-limits.ts";
import { isConnectionFine, isTransient, postgresFault } from "./faults.ts";
import { Link, type LinkOptions } from "./link.ts";

export interface PoolOptions extends LinkOptions {
  /** How the ledger is called in errors. */
  readonly name: string;
  /** How long a question may take, all attempts together. After that it ends in a `Fault`. */
  readonly answerMs: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/**
 * Statements are shared by the calls that coincide, so a worker never has many of them under way.
 */
const MAX_LINKS = 3;
const retryAfterMs = backoff({ baseMs: 25, capMs: 1_000, jitter: "around" });
/**
 * A connection is renewed now and then, not by all workers at once: an address that moved is found,
 * and a server's memory freed.
 */
const LIFETIME_MS = 30 * 60_000;

interface Used {
  readonly link: Link;
  readonly retireAtMs: number;
}

export class PostgresPool {
  readonly #options: PoolOptions;
  readonly #closing = new AbortController();
  readonly #idle: Used[] = [];
  readonly #queue: (() => void)[] = [];
  #open = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * `work` runs once per attempt, and must be safe to repeat: an answer may be lost after the
   * server has committed.
   */
  async ask<T>(work: (link: Link, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, chance, answerMs, name } = this.#options;
    const endsAtMs = clock.monoMs() + answerMs;
    let met: unknown;
    for (let failures = 0; ; failures += 1) {
      this.#refuseClosed();
      try {
        return await this.#attempt(work, endsAtMs - clock.monoMs());
      } catch (error) {
        this.#refuseClosed();
        // The last attempt may have had no time. What an earlier one met says more than that.
        if (met === undefined || !(error instanceof NoAnswer)) met = error;
        const pauseMs = retryAfterMs(failures, chance());
        if (!isTransient(error) || clock.monoMs() + pauseMs >= endsAtMs) throw postgresFault(name, met);
        await clock.sleep(pauseMs, this.#closing.signal);
        if (clock.monoMs() >= endsAtMs) throw postgresFault(name, met);
      }
    }
  }

  /** Once, for as long as it takes. */
  async transaction<T>(work: (sql: TransactionSql) => Promise<T>): Promise<T> {
    const used = await this.#acquire(new AbortController().signal);
    try {
      const answer = await used.link.transaction(work);
      this.#release(used, true);
      return answer;
    } catch (error) {
      this.#release(used, false);
      throw postgresFault(this.#options.name, error);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const proceed of this.#queue.splice(0)) proceed();
    await Promise.all(this.#idle.splice(0).map(({ link }) => link.close()));
  }

  async #attempt<T>(work: (link: Link, signal: AbortSignal) => Promise<T>, leftMs: number): Promise<T> {
    const { signal: late, clear } = this.#options.clock.deadline(leftMs);
    let used: Used | undefined;
    try {
      used = await this.#acquire(late);
      const answer = await until(late, work(used.link, late));
      this.#release(used, true);
      return answer;
    } catch (error) {
      if (used !== undefined) this.#release(used, isConnectionFine(error));
      throw error;
    } finally {
      clear();
    }
  }

  async #acquire(late: AbortSignal): Promise<Used> {
    while (this.#idle.length === 0 && this.#open >= MAX_LINKS) await this.#turn(late);
    this.#refuseClosed();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    this.#open += 1;
    const { clock, chance } = this.#options;
    const retireAtMs = clock.monoMs() + jittered(LIFETIME_MS, "around", chance());
    return { link: new Link(this.#options), retireAtMs };
  }

  /** Resolves when a connection may be free, rejects when it is too late. */
  async #turn(late: AbortSignal): Promise<void> {
    let proceed = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    this.#queue.push(proceed);
    try {
      await until(late, turn);
    } catch (error) {
      const place = this.#queue.indexOf(proceed);
      // Its turn came just as it gave up: the next one has it.
      if (place < 0) this.#queue.shift()?.();
      else this.#queue.splice(place, 1);
      throw error;
    }
  }

  #release(used: Used, fine: boolean): void {
    const keep = fine && !this.#closing.signal.aborted && used.retireAtMs > this.#options.clock.monoMs();
    if (keep) this.#idle.push(used);
    else {
      this.#open -= 1;
      if (fine) void used.link.close();
      else used.link.discard();
    }
    this.#queue.shift()?.();
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new Fault("TQ_LEDGER", `ledger ${this.#options.name}: it is closed`);
  }
}
