// Slots: how many steps may run at once. Whoever waited first gets the next free one; the intake waits like everyone else.

export class Slots {
  readonly total: number;
  #free: number;
  readonly #waiting: ((granted: boolean) => void)[] = [];
  /** Called when a slot is free that nobody waits for. */
  onFree: () => void = () => undefined;

  constructor(total: number) {
    this.total = total;
    this.#free = total;
  }

  get free(): number {
    return this.#free;
  }

  get busy(): number {
    return this.total - this.#free;
  }

  /** Waits for one slot; false when `signal` aborted first. */
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

  /** Takes as many free slots as there are, at most `max`, without waiting. */
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
    if (this.#free > 0) this.onFree();
  }
}

/** What one queue may have of the slots: at most `most` of them at once, whatever its deliveries do. */
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

  /** Waits for one slot; false when `signal` aborted first. */
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

/** One delivery's claim on a slot: it may leave while it only waits, and take a slot again before it runs. */
export class Seat {
  readonly #slots: Pick<Slots, "take" | "release">;
  #taken = true;

  /** For a slot that was taken already. */
  constructor(slots: Pick<Slots, "take" | "release">) {
    this.#slots = slots;
  }

  leave(): void {
    if (!this.#taken) return;
    this.#taken = false;
    this.#slots.release();
  }

  /** False when `signal` aborted first. */
  async retake(signal: AbortSignal): Promise<boolean> {
    if (!this.#taken) this.#taken = await this.#slots.take(signal);
    return this.#taken;
  }
}
