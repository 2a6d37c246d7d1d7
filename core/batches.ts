// Calls that coincide share one request. A call goes out with whatever else came in the same turn of the event loop, and what comes while a
// request is under way goes with the next one: so a call waits for one request at most, and, only where that is asked for, a while for company.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./clock.ts";
import { Fault, isOneRowsFault } from "./faults.ts";

/** Two questions about one key never share a request. */
interface Keyed {
  readonly key: string;
}

export interface BatchOptions<Q extends Keyed, A> {
  /** Answers in the order asked. */
  readonly send: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly max: number;
  readonly company?: Company;
}

/** For questions that are in no hurry: the first one waits until there are `enough`, for `waitMs` at most. */
export interface Company {
  readonly enough: number;
  readonly waitMs: number;
  readonly clock: Pick<Clock, "sleep">;
}

interface Waiting<Q extends Keyed, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

export class Batches<Q extends Keyed, A> {
  readonly #options: BatchOptions<Q, A>;
  #waiting: Waiting<Q, A>[] = [];
  #sending = false;
  #enough = new AbortController();

  constructor(options: BatchOptions<Q, A>) {
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
    const keys = new Set<string>();
    const taken: Waiting<Q, A>[] = [];
    const left: Waiting<Q, A>[] = [];
    for (const waiting of this.#waiting) {
      const { key } = waiting.question;
      const fits = taken.length < this.#options.max && !keys.has(key);
      // Also when it stays: what is behind it about the same key must not overtake it.
      keys.add(key);
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
      // What only one of them caused must not be told to all: each is asked by itself.
      const isEverybodys = error instanceof Fault && !isOneRowsFault(error);
      if (isEverybodys || batch.length === 1) for (const { reject } of batch) reject(error);
      else for (const waiting of batch) await this.#sendOne([waiting]);
    }
  }
}
