// Tokens of writes whose answer never came, which may have been committed all the same. The caller
// repeats such a write with the same token. The database then answers as it did the first time,
// instead of calling the write someone else's.
import { randomUUID } from "node:crypto";

/**
 * More are not kept: a worker has few claims, and an old token is of no use once the lease is over.
 */
const MAX_KEPT = 1_000;

export class InDoubt {
  readonly #tokens = new Map<string, string>();

  token(name: string): string {
    return this.#tokens.get(name) ?? randomUUID();
  }

  answered(name: string): void {
    this.#tokens.delete(name);
  }

  unanswered(name: string, token: string): void {
    this.#tokens.delete(name);
    this.#tokens.set(name, token);
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_KEPT && oldest !== undefined) this.#tokens.delete(oldest);
  }
}
