// The crash policy: an error that no code expects is logged once, with its stack, and the worker
// stops gracefully.
import type { Observe } from "./observe.ts";

export class Bugs {
  readonly #observe: Observe;
  readonly #found = new AbortController();
  /** One error may surface several times: in a loop, and again where the loop is awaited. */
  readonly #reported = new Set<unknown>();

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  /**
   * Aborts at the first bug. From then on the worker stops as after a first signal, and the process
   * exits with 1.
   */
  get found(): AbortSignal {
    return this.#found.signal;
  }

  /** `where` names the loop or the handler that threw. */
  report(where: string, error: unknown): void {
    if (this.#reported.has(error)) return;
    this.#reported.add(error);
    const what = error instanceof Error ? error.stack : String(error);
    const message = `bug in taskiq (${where}), please report it; the worker stops: ${what}`;
    this.#observe({ event: "worker.bug", level: "error", message, where });
    this.#found.abort(error);
  }

  /** Waits for a loop of the worker. Never rejects. */
  async supervise(where: string, loop: Promise<unknown>): Promise<void> {
    try {
      await loop;
    } catch (error) {
      this.report(where, error);
    }
  }
}
