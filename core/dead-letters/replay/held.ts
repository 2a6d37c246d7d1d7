// Dead letters that are held back for as long as something is done with them; what is left in the end is given back.
import type { Clock } from "../../clock.ts";
import type { DeadLetterQueue, Message } from "../../queue/port.ts";

/** How long they are held from each time on; a command that is killed lets go of them after as long. */
export const HOLD_MS = 60_000;
/** Renewed once no more than this is left. */
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

  /** What cannot be held any more, since its time was over, is not in the way of the others. */
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

  /** Answers, in order, whether each is gone from the queue. */
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
