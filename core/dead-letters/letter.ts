// A dead letter as it lies in its queue: the step that it names, why it is there, since when, and
// until when. Pure.
import type { Message } from "../queue/port.ts";
import type { StepId } from "../step/step.ts";

export interface DeadLetter {
  readonly message: Message;
  readonly body: "step" | "malformed" | "newer_version";
  /** `null` means that its body names none. */
  readonly step: StepId | null;
  /** Idempotency key of that step. */
  readonly key: string | null;
  /**
   * It has no signature of the operator's keys. If the operator has no keys: a worker buried it as
   * unsigned.
   */
  readonly unsigned: boolean;
  /** Identity of the Dagster instance that its body names. `null` means that it names none. */
  readonly instance: string | null;
  /** The step's retry policy, as it was sent, answers a fault of taskiq with a retry. */
  readonly retryPlanned: boolean;
  /** One of `reasons` in `core/delivery/reasons.ts`, unless a newer worker wrote it. */
  readonly reason: string;
  /** The reason in a sentence. */
  readonly detail: string;
  readonly errorClass: string | null;
  /** Letters with the same fingerprint are alike. */
  readonly fingerprint: string;
  /** How a worker buried it. `null` means that SQS itself moved it, and nothing more is known. */
  readonly burial: Burial | null;
  /**
   * Its group before it was a dead letter. In the dead letter queue it has another. `null` means
   * none.
   */
  readonly groupId: string | null;
  /**
   * Since when it is a dead letter, in Unix milliseconds. SQS does not say when it moved a message,
   * so without a burial this is when the message was sent.
   */
  readonly sinceMs: number;
  /**
   * When SQS deletes it, in Unix milliseconds. `null` means that the queue does not say how long it
   * keeps messages.
   */
  readonly expiresAtMs: number | null;
}

export interface Burial {
  readonly worker: string;
  /** How often the attempt had been started. */
  readonly starts: number;
  /** URL of the queue it came from. */
  readonly sourceUrl: string;
  /** Id of the message that was buried. This one is its copy. */
  readonly messageId: string;
}
