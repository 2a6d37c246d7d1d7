// What happened in a world, one line an event. Two worlds with the same hash are the same.

export interface TraceLine {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  /** The idempotency key or the message of the line. Empty when the line is about a worker. */
  readonly about: string;
}

export class Trace {
  readonly lines: TraceLine[] = [];
  readonly #nowMs: () => number;
  readonly #silent: boolean;
  #hash = 0x811c9dc5;

  /** `silent` keeps nothing: a world that breaks no rule has no reader. */
  constructor(nowMs: () => number, silent = false) {
    this.#nowMs = nowMs;
    this.#silent = silent;
  }

  note(who: string, what: string, about = ""): void {
    if (this.#silent) return;
    const line = { atMs: this.#nowMs(), who, what, about };
    this.lines.push(line);
    this.#absorb(`${line.atMs} ${who} ${what} ${about}`);
  }

  hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  #absorb(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
  }
}

export function renderLine({ atMs, who, what, about }: TraceLine): string {
  return `${(atMs / 1000).toFixed(3).padStart(10)} s  ${who.padEnd(8)} ${what}${about === "" ? "" : `  [${about}]`}`;
}
