// Quiet: nothing new of one queue is started, while what runs goes on with its lease. For good, as the first stage of a stop, or for a while,
// because an operator asked.
import { onAbort } from "../on-abort.ts";

export interface AskedQuiet {
  /** Who asked, in their own words. */
  readonly by: string;
  readonly why: string | null;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** `null` means until it is lifted. */
  readonly untilMs: number | null;
  /** The name of the queue that is meant. `null` means all of the worker's. */
  readonly queue: string | null;
}

/** Of one queue of a worker. */
export class Quiet {
  readonly #stopped: AbortSignal;
  #spell = new AbortController();
  #asked: readonly AskedQuiet[] = [];

  /** `stopped` aborts when the worker is quiet for good. */
  constructor(stopped: AbortSignal) {
    this.#stopped = stopped;
    onAbort(stopped, () => this.#spell.abort());
  }

  /** Of what is taken now: aborts as soon as that may not be started any more. Aborted already while it is quiet. */
  get signal(): AbortSignal {
    return this.#spell.signal;
  }

  /** Who asks for quiet now, oldest first. */
  get asked(): readonly AskedQuiet[] {
    return this.#asked;
  }

  /** Takes all that is asked now in place of what was asked before. Never undoes a stop. */
  become(asked: readonly AskedQuiet[]): void {
    const resumed = this.#asked.length > 0 && asked.length === 0;
    this.#asked = asked;
    if (asked.length > 0) this.#spell.abort();
    else if (resumed && !this.#stopped.aborted) this.#spell = new AbortController();
  }
}
