// Gives a dead letter another body, from an operator.

import { isSigned, signedMessage } from "../../delivery/signature.ts";
import type { Message } from "../../queue/port.ts";
import { namesAnotherStep } from "./replay-plan.ts";

export interface Mended {
  readonly message: Message;
  /**
   * `unsignable`: it was signed, its new body is not, and there is no key. `null` means that it may
   * be replayed.
   */
  readonly problem: "misnamed" | "unsignable" | null;
}

/** `key` signs the body. `null` leaves the signature as it is. */
export function mendLetter(message: Message, body: string, key: string | null): Mended {
  const mended = key === null ? { ...message, body } : signedMessage(message, body, key);
  if (namesAnotherStep(message.body, body)) return { message: mended, problem: "misnamed" };
  const broken = key === null && body !== message.body && isSigned(message);
  return { message: mended, problem: broken ? "unsignable" : null };
}
