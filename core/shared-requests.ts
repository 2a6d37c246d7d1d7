// Calls that coincide share one request. A call goes out with the others of the same turn of the
// event loop. Calls that come while a request is under way go with the next one. So a call waits
// for one request at most, and for company only where the options ask for it.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./clock.ts";
import { Fault, isOneRowsFault } from "./faults.ts";

export interface SharedRequestOptions<Q, A> {
  /** Answers in the order asked. */
  readonly send: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly max: number;
  /** Two questions of one key never share a request. Absent: any two may. */
  readonly keyOf?: (question: Q) => string;
  readonly company?: Company;
}

/**
 * For questions that can wait: the first one waits until there are `enough`, for `waitMs` at most.
 */
export interface Company {
  readonly enough: number;
  readonly waitMs: number;
  readonly clock: Pick<Clock, "sleep">;
}

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

export class SharedRequests<Q, A> {
  readonly #options: SharedRequestOptions<Q, A>;
  #waiting: Waiting<Q, A>[] = [];
  #sending = false;
  #enough = new AbortController();

  constructor(options: SharedRequestOptions<Q, A>) {
    this.#options = options;
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (this.#waiting.length >= (this.#options.company?.enough ?? 0)) this.#enough.abort("enough");
      if (!this.#sending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    await nextTurn();
    while (this.#waiting.length > 0) {
      await this.#gather();
      await this.#sendOne(this.#take());
    }
    this.#sending = false;
  }

  async #gather(): Promise<void> {
    const { company } = this.#options;
    if (company === undefined || this.#waiting.length >= company.enough) return;
    this.#enough = new AbortController();
    await company.clock.sleep(company.waitMs, this.#enough.signal);
  }

  #take(): readonly Waiting<Q, A>[] {
    const { max, keyOf } = this.#options;
    const keys = new Set<string>();
    const taken: Waiting<Q, A>[] = [];
    const left: Waiting<Q, A>[] = [];
    for (const waiting of this.#waiting) {
      const key = keyOf?.(waiting.question);
      const fits = taken.length < max && (key === undefined || !keys.has(key));
      // Added also when it stays: a later question of the same key must not overtake it.
      if (key !== undefined) keys.add(key);
      (fits ? taken : left).push(waiting);
    }
    this.#waiting = left;
    return taken;
  }

  async #sendOne(batch: readonly Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.#options.send(batch.map(({ question }) => question));
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as A);
    } catch (error) {
      // One question may have caused the failure, and the others must not fail with it: each is
      // asked again alone.
      const concernsAll = error instanceof Fault && !isOneRowsFault(error);
      if (concernsAll || batch.length === 1) for (const { reject } of batch) reject(error);
      else for (const waiting of batch) await this.#sendOne([waiting]);
    }
  }
}
