// Calls that coincide share one statement. Nothing waits for company: a call goes out with whatever else came in the same turn of the
// event loop, and what comes while a statement is under way goes with the next one. So a call waits for one statement at most.
import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "../faults.ts";

/** Two questions about one key never share a statement. */
interface Keyed {
  readonly key: string;
}

export interface BatchOptions<Q extends Keyed, A> {
  /** Answers in the order asked. */
  readonly send: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly max: number;
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

  constructor(options: BatchOptions<Q, A>) {
    this.#options = options;
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (!this.#sending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    await nextTurn();
    while (this.#waiting.length > 0) await this.#sendOne(this.#take());
    this.#sending = false;
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
      if (error instanceof Fault || batch.length === 1) for (const { reject } of batch) reject(error);
      else for (const waiting of batch) await this.#sendOne([waiting]);
    }
  }
}
