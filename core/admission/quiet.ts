// Quiet: a worker starts no new steps of one queue, while running steps go on with their leases. It
// is the first stage of a stop, and then for good, or an operator asked for it, and then for a
// while.
import { onAbort } from "../on-abort.ts";

export interface AskedQuiet {
  /** Who asked, in their own words. */
  readonly by: string;
  readonly why: string | null;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** `null` means until it is lifted. */
  readonly untilMs: number | null;
  /** The name of the queue that is to be quiet. `null` means all of the worker's. */
  readonly queue: string | null;
}

/** The quiet of one queue of a worker. */
export class Quiet {
  readonly #stopped: AbortSignal;
  #spell = new AbortController();
  #asked: readonly AskedQuiet[] = [];

  /** `stopped` aborts when the worker is quiet for good. */
  constructor(stopped: AbortSignal) {
    this.#stopped = stopped;
    onAbort(stopped, () => this.#spell.abort());
  }

  /**
   * Aborts when a message that is taken now may no longer start. Aborted while the queue is quiet.
   */
  get signal(): AbortSignal {
    return this.#spell.signal;
  }

  /** The requests for quiet in force, oldest first. */
  get asked(): readonly AskedQuiet[] {
    return this.#asked;
  }

  /** Replaces the requests in force. Never undoes a stop. */
  become(asked: readonly AskedQuiet[]): void {
    const resumed = this.#asked.length > 0 && asked.length === 0;
    this.#asked = asked;
    if (asked.length > 0) this.#spell.abort();
    else if (resumed && !this.#stopped.aborted) this.#spell = new AbortController();
  }
}
