// Holds dead letters back while a command works on them, and gives the rest back in the end.
import type { Clock } from "../../clock.ts";
import type { DeadLetterQueue, Message } from "../../queue/port.ts";

/**
 * How long each renewal holds them. If the command is killed, they become visible after so long.
 */
export const HOLD_MS = 60_000;
/** They are renewed once no more than this is left. */
const LEAST_LEFT_MS = 30_000;

interface Hold {
  readonly receipt: string;
  readonly untilMs: number;
}

export class HeldLetters {
  readonly #queue: Pick<DeadLetterQueue, "extend" | "ack">;
  readonly #clock: Clock;
  readonly #holds = new Map<string, Hold>();

  constructor(queue: Pick<DeadLetterQueue, "extend" | "ack">, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  add({ id, receipt }: Message, hideMs: number): void {
    this.#holds.set(id, { receipt, untilMs: this.#clock.monoMs() + hideMs });
  }

  has(id: string): boolean {
    return this.#holds.has(id);
  }

  /**
   * A letter whose time was over cannot be held any more, and does not keep the others from being
   * held.
   */
  async keep(): Promise<void> {
    const nowMs = this.#clock.monoMs();
    const due = [...this.#holds].filter(([, { untilMs }]) => untilMs - nowMs <= LEAST_LEFT_MS);
    if (due.length === 0) return;
    const ends = await this.#queue.extend(due.map(([, { receipt }]) => ({ receipt, visibilityMs: HOLD_MS })));
    for (const [i, [id, hold]] of due.entries()) {
      if (ends[i] === "done") this.#holds.set(id, { ...hold, untilMs: nowMs + HOLD_MS });
      else if (ends[i] === "gone" || hold.untilMs <= this.#clock.monoMs()) this.#holds.delete(id);
    }
  }

  /** Resolves, in order, with whether each is gone from the queue. */
  async delete(ids: readonly string[]): Promise<readonly boolean[]> {
    if (ids.length === 0) return [];
    const ends = await this.#queue.ack(ids.map((id) => this.#holds.get(id)?.receipt ?? ""));
    return ids.map((id, i) => ends[i] === "done" && this.#holds.delete(id));
  }

  async release(): Promise<void> {
    const left = [...this.#holds.values()];
    this.#holds.clear();
    if (left.length > 0) await this.#queue.extend(left.map(({ receipt }) => ({ receipt, visibilityMs: 0 })));
  }
}
