// The credentials that requests are signed with: kept while they are good, asked for again when
// they expire, or when AWS refuses them.
import { doubled } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import { describeError } from "../../faults.ts";
import type { Observe } from "../../observe.ts";

export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
  /** Which source they are from, in words. */
  readonly source?: string;
}

/** Takes as long as it takes; the callers have deadlines. */
export type AskForCredentials = () => Promise<Identity>;

export interface CredentialsPorts {
  readonly clock: Pick<Clock, "wallMs" | "monoMs">;
  readonly observe: Observe;
}

/** Renewed that long before they expire, as the SDKs do. */
const RENEW_MS = 300_000;
/** How long a request without an answer is waited for. After that the next caller asks again. */
const wait = { baseMs: 10_000, capMs: 300_000 };

export class Credentials {
  readonly #ask: AskForCredentials;
  readonly #ports: CredentialsPorts;
  #held: Identity | null = null;
  /** The latest question, while it has no answer. */
  #asked: { readonly answer: Promise<Identity>; readonly againAtMs: number } | null = null;
  /** Requests in a row that were given up without an answer. */
  #unanswered = 0;
  /** A renewal that failed is not tried again before. */
  #renewAtMs = Number.NEGATIVE_INFINITY;

  constructor(ask: AskForCredentials, ports: CredentialsPorts) {
    this.#ask = ask;
    this.#ports = ports;
  }

  /** Rejects when there are none; may stay open as long as their source is silent. */
  async provide(): Promise<Identity> {
    const leftMs = this.#leftMs();
    if (this.#held === null || leftMs <= 0) return await this.#answer();
    if (leftMs < RENEW_MS && this.#ports.clock.monoMs() >= this.#renewAtMs) this.#renew();
    return this.#held;
  }

  /** AWS refuses these: the next caller gets what their source has then. */
  drop(refused: Identity): void {
    if (this.#held === refused) this.#held = null;
  }

  #leftMs(): number {
    const expiresAtMs = this.#held?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    return expiresAtMs - this.#ports.clock.wallMs();
  }

  #renew(): void {
    this.#renewAtMs = this.#ports.clock.monoMs() + wait.baseMs;
    this.#answer().catch((error: unknown) => {
      const message = `the AWS credentials, which expire soon, could not be renewed: ${describeError(error)}`;
      this.#ports.observe({ event: "queue.credentials_not_renewed", level: "warn", message });
    });
  }

  #answer(): Promise<Identity> {
    const nowMs = this.#ports.clock.monoMs();
    if (this.#asked !== null && nowMs < this.#asked.againAtMs) return this.#asked.answer;
    if (this.#asked !== null) this.#unanswered += 1;
    const asked = { answer: this.#ask(), againAtMs: nowMs + doubled(wait, this.#unanswered) };
    this.#asked = asked;
    asked.answer
      .then((identity) => {
        this.#held = identity;
        this.#unanswered = 0;
      })
      // A waiting caller gets the error.
      .catch(() => undefined)
      .finally(() => {
        if (this.#asked === asked) this.#asked = null;
      });
    return asked.answer;
  }
}
