// A worker as the rota sees it, in simulated time.
import { type Ask, type Room, Rota } from "../../../core/intake/rota.ts";

export interface Given {
  readonly weight: number | null;
  readonly most: number;
  /** Messages at first, and how many come each second. */
  backlog: number;
  readonly rate: number;
}

export const endless = 1_000_000;
export const queue = (given: Partial<Given> = {}): Given => ({
  weight: null,
  most: 256,
  backlog: endless,
  rate: 0,
  ...given,
});

/**
 * A worker's life, 10 ms at a time: asks what the rota says, steps run for `stepMs`, receives
 * without messages last as long as they wait.
 */
export class World {
  readonly rota: Rota;
  readonly queues: readonly Given[];
  readonly started: number[];
  readonly running: { readonly queue: number; readonly untilMs: number }[] = [];
  readonly polls: { readonly ask: Ask; readonly atMs: number; readonly untilMs: number }[] = [];
  readonly asks: Ask[] = [];
  readonly down = new Set<number>();
  nowMs = 0;
  idleMs = 0;
  readonly #slots: number;
  readonly #stepMs: number;

  constructor(slots: number, stepMs: number, queues: readonly Given[]) {
    this.#slots = slots;
    this.#stepMs = stepMs;
    this.queues = queues.map((one) => ({ ...one }));
    this.started = queues.map(() => 0);
    this.rota = new Rota(queues.map(({ weight }) => weight));
  }

  heldBy(place: number): number {
    const polled = this.polls.filter(({ ask }) => ask.queue === place).reduce((sum, { ask }) => sum + ask.max, 0);
    return polled + this.running.filter((step) => step.queue === place).length;
  }

  live(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 10) this.#tick();
  }

  #tick(): void {
    for (const one of this.queues) one.backlog += one.rate / 100;
    for (const step of this.running.filter(({ untilMs }) => untilMs <= this.nowMs)) {
      this.running.splice(this.running.indexOf(step), 1);
    }
    for (const poll of [...this.polls]) this.#answer(poll);
    while (true) {
      const ask = this.#next();
      if (ask === null) break;
      this.asks.push(ask);
      this.rota.asked(ask, this.nowMs);
      const waitMs = { none: 0, second: 1_000, long: 20_000 }[ask.wait];
      this.polls.push({ ask, atMs: this.nowMs, untilMs: this.nowMs + 10 + waitMs });
    }
    this.idleMs += 10 * (this.#slots - this.running.length);
  }

  #next(): Ask | null {
    const free = this.#slots - this.queues.reduce((sum, _, place) => sum + this.heldBy(place), 0);
    return this.rota.next(this.nowMs, free, this.#rooms());
  }

  #rooms(): readonly Room[] {
    const free = this.#slots - this.queues.reduce((sum, _, place) => sum + this.heldBy(place), 0);
    return this.queues.map(({ most }, place) => ({
      free: Math.min(free, most - this.heldBy(place)),
      max: this.down.has(place) ? 0 : 10,
      probe: false,
      polled: this.polls.some(({ ask }) => ask.queue === place),
    }));
  }

  #answer(poll: World["polls"][number]): void {
    const { ask, atMs, untilMs } = poll;
    const from = this.queues[ask.queue];
    if (from === undefined) throw new Error("no such queue");
    const hangs = this.down.has(ask.queue);
    const count = hangs ? 0 : Math.min(ask.max, Math.floor(from.backlog));
    if (this.nowMs < atMs + 10 || ((count === 0 || hangs) && this.nowMs < untilMs)) return;
    this.polls.splice(this.polls.indexOf(poll), 1);
    from.backlog -= count;
    this.started[ask.queue] = (this.started[ask.queue] ?? 0) + count;
    for (let i = 0; i < count; i += 1) this.running.push({ queue: ask.queue, untilMs: this.nowMs + this.#stepMs });
    this.rota.answered(ask, count, this.nowMs);
  }
}
