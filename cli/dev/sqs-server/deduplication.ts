// FIFO deduplication. An id is remembered for five minutes, also after its message was deleted
// (service model: MessageDeduplicationId).

const WINDOW_MS = 300_000;

export interface Sent {
  readonly messageId: string;
  readonly sequence: number;
}

export class Deduplication {
  readonly #remembered = new Map<string, { readonly sent: Sent; readonly untilMs: number }>();

  /** What was sent with this id, if that is still remembered. */
  find(id: string, nowMs: number): Sent | null {
    const entry = this.#remembered.get(id);
    return entry !== undefined && entry.untilMs > nowMs ? entry.sent : null;
  }

  remember(id: string, sent: Sent, nowMs: number): void {
    for (const [old, { untilMs }] of this.#remembered) if (untilMs <= nowMs) this.#remembered.delete(old);
    this.#remembered.set(id, { sent, untilMs: nowMs + WINDOW_MS });
  }
}
