// Slots: how many steps may run at once. The waiter that came first gets the next free slot, and
// the intake waits like the others.

export class Slots {
  readonly total: number;
  #free: number;
  readonly #waiting: ((granted: boolean) => void)[] = [];
  readonly #onFree: () => void;

  /** `onFree` is called when slots were released and one is free. */
  constructor(total: number, onFree: () => void = () => undefined) {
    this.total = total;
    this.#free = total;
    this.#onFree = onFree;
  }

  get free(): number {
    return this.#free;
  }

  get busy(): number {
    return this.total - this.#free;
  }

  /** Waits for one slot. Resolves with false if `signal` aborts first. */
  take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (granted: boolean) => {
        signal.removeEventListener("abort", giveUp);
        resolve(granted);
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(settle), 1);
        settle(false);
      };
      this.#waiting.push(settle);
      signal.addEventListener("abort", giveUp);
    });
  }

  /** Takes at most `max` of the free slots, without waiting. Returns how many it took. */
  takeFree(max: number): number {
    const taken = Math.min(this.#free, Math.max(0, max));
    this.#free -= taken;
    return taken;
  }

  release(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next(true);
    }
    if (this.#free > 0) this.#onFree();
  }
}

/** The slots that one queue may take: at most `most` of all at once. */
export class Share {
  readonly #all: Slots;
  readonly #own: Slots;

  constructor(all: Slots, most: number) {
    this.#all = all;
    this.#own = new Slots(Math.min(most, all.total));
  }

  get total(): number {
    return this.#own.total;
  }

  get free(): number {
    return Math.min(this.#own.free, this.#all.free);
  }

  get busy(): number {
    return this.#own.busy;
  }

  /** Waits for one slot. Resolves with false if `signal` aborts first. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (!(await this.#own.take(signal))) return false;
    const taken = await this.#all.take(signal);
    if (!taken) this.#own.release();
    return taken;
  }

  takeFree(max: number): number {
    const taken = this.#all.takeFree(Math.min(max, this.#own.free));
    this.#own.takeFree(taken);
    return taken;
  }

  release(count = 1): void {
    this.#own.release(count);
    this.#all.release(count);
  }
}

/**
 * One delivery's claim on a slot. It leaves the slot while it only waits, and takes one again
 * before it runs.
 */
export class Seat {
  readonly #slots: Pick<Slots, "take" | "release">;
  #taken = true;

  /** Takes over a slot that was taken before. */
  constructor(slots: Pick<Slots, "take" | "release">) {
    this.#slots = slots;
  }

  leave(): void {
    if (!this.#taken) return;
    this.#taken = false;
    this.#slots.release();
  }

  /** Takes a slot unless it has one. Resolves with false if `signal` aborts first. */
  async retake(signal: AbortSignal): Promise<boolean> {
    if (!this.#taken) this.#taken = await this.#slots.take(signal);
    return this.#taken;
  }
}
