// Quiet: nothing new is started, while what runs goes on with its lease. For good, as the first stage of a stop, or for a while, because an
// operator asked.

export interface AskedQuiet {
  /** Who asked, in their own words. */
  readonly by: string;
  /** Unix milliseconds. */
  readonly atMs: number;
}

export class Quiet {
  readonly #over = new AbortController();
  #spell = new AbortController();
  #asked: AskedQuiet | null = null;

  /** Aborts when it is quiet for good. */
  get stopped(): AbortSignal {
    return this.#over.signal;
  }

  /** Of what is taken now: aborts as soon as that may not be started any more. Aborted already while it is quiet. */
  get signal(): AbortSignal {
    return this.#spell.signal;
  }

  /** Null when nobody asked. */
  get asked(): AskedQuiet | null {
    return this.#asked;
  }

  /** False when somebody asked before, who stays the one that did. */
  ask(asked: AskedQuiet): boolean {
    if (this.#asked !== null) return false;
    this.#asked = asked;
    this.#spell.abort();
    return true;
  }

  /** Undoes `ask`, never `stop`; false when nobody asked. */
  resume(): boolean {
    if (this.#asked === null) return false;
    this.#asked = null;
    if (!this.#over.signal.aborted) this.#spell = new AbortController();
    return true;
  }

  stop(): void {
    this.#over.abort();
    this.#spell.abort();
  }
}

export function quietReason({ by, atMs }: AskedQuiet): string {
  return `quiet: ${by} asked for it at ${new Date(atMs).toISOString()}`;
}
