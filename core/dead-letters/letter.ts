// A dead letter as it lies in its queue: what it names, why it is there, since when, and until when. Pure.
import type { Message } from "../queue/port.ts";
import type { StepId } from "../step/step.ts";

export interface DeadLetter {
  readonly message: Message;
  readonly body: "step" | "malformed" | "newer_version";
  /** Null when its body does not say which. */
  readonly step: StepId | null;
  /** Idempotency key of that step. */
  readonly key: string | null;
  /** It has no signature of the operator's keys; without keys, a worker buried it for that. */
  readonly unsigned: boolean;
  /** Identity of the Dagster instance that its body names; null when it names none. */
  readonly instance: string | null;
  /** The machinery's fault is answered by a retry: so the step's own retry policy said when it was sent. */
  readonly retryPlanned: boolean;
  /** One of `reasons` in `core/delivery/reasons.ts`, unless a newer worker wrote it. */
  readonly reason: string;
  /** In a sentence. */
  readonly detail: string;
  readonly errorClass: string | null;
  /** Letters with the same one are alike. */
  readonly fingerprint: string;
  /** The worker that buried it; null for one that SQS itself moved, which nothing more is known of. */
  readonly burial: Burial | null;
  /** Its group before it was a dead letter, which in the dead letter queue is another; null for none. */
  readonly groupId: string | null;
  /**
   * Since when it is a dead letter, in Unix milliseconds. SQS does not tell when it moved a message: without a burial, it is when the
   * message was sent.
   */
  readonly sinceMs: number;
  /** When SQS deletes it, in Unix milliseconds; null where the queue does not tell for how long it keeps messages. */
  readonly expiresAtMs: number | null;
}

export interface Burial {
  readonly worker: string;
  /** How often the attempt had been started. */
  readonly starts: number;
  /** URL of the queue it came from. */
  readonly sourceUrl: string;
  /** Of the message that was buried: this one is its copy. */
  readonly messageId: string;
}
