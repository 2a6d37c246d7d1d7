// ReceiveRequestAttemptId. For five minutes the same id answers with the same messages and
// receipts, and hides them again. That ends once one of them is deleted or has its visibility
// changed (service model: ReceiveMessage).
import type { StoredMessage } from "./stored-message.ts";

const VALID_MS = 300_000;

interface Attempt {
  readonly atMs: number;
  readonly receipts: readonly string[];
}

export class ReceiveAttempts {
  readonly #attempts = new Map<string, Attempt>();

  remember(id: string, messages: readonly StoredMessage[], nowMs: number): void {
    for (const [old, { atMs }] of this.#attempts) if (atMs + VALID_MS <= nowMs) this.#attempts.delete(old);
    this.#attempts.set(id, { atMs: nowMs, receipts: messages.flatMap((message) => message.receive?.receipt ?? []) });
  }

  /**
   * The set to hand out again, or null for a receive like any other. What SQS does with an id whose
   * messages have changed is not written anywhere; here it is a new receive.
   */
  replay(id: string, inFlight: readonly StoredMessage[], nowMs: number): readonly StoredMessage[] | null {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined || attempt.atMs + VALID_MS <= nowMs || attempt.receipts.length === 0) return null;
    const byReceipt = new Map(inFlight.map((message) => [message.receive?.receipt, message]));
    const messages = attempt.receipts.flatMap((receipt) => byReceipt.get(receipt) ?? []);
    return messages.length === attempt.receipts.length ? messages : null;
  }

  /**
   * A message was deleted or had its visibility changed: no attempt that holds it can be replayed.
   */
  forget(receipt: string): void {
    for (const [id, { receipts }] of this.#attempts) if (receipts.includes(receipt)) this.#attempts.delete(id);
  }
}
