// What run workers and other senders have yet to do. A world is not over before it is done, or the
// fleet would stop with a message still to come.
import type { ManualClock } from "../support/clocks/manual-clock.ts";

export class Agenda {
  readonly #clock: ManualClock;
  #due = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get empty(): boolean {
    return this.#due === 0;
  }

  schedule(ms: number, act: () => void): void {
    this.#due += 1;
    this.#clock.schedule(ms, () => {
      this.#due -= 1;
      act();
    });
  }
}
