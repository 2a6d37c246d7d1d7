// A lease's end as a step process has to know it: how long it may live, told anew whenever the lease is renewed.
import type { Clock } from "../clock.ts";
import type { Term } from "../runner/port.ts";

export class LeaseTerm implements Term {
  readonly #clock: Pick<Clock, "monoMs">;
  readonly #endsAtMs: () => number | null;
  readonly #listeners = new Set<() => void>();

  /** `endsAtMs` is monotonic; null when there is no lease, and nothing may live under it. */
  constructor(clock: Pick<Clock, "monoMs">, endsAtMs: () => number | null) {
    this.#clock = clock;
    this.#endsAtMs = endsAtMs;
  }

  leftMs(): number {
    const endsAtMs = this.#endsAtMs();
    return endsAtMs === null ? 0 : Math.max(0, endsAtMs - this.#clock.monoMs());
  }

  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  renewed(): void {
    for (const listener of this.#listeners) listener();
  }
}
