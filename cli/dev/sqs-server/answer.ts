// What one request gets back.
import { ACTIONS, type ActionContext } from "./actions.ts";
import { Refusal } from "./refusal.ts";
import type { Input, Output } from "./wire.ts";

export interface Answer {
  readonly status: number;
  /** The query protocol's code, for the header `x-amzn-query-error`. */
  readonly queryError?: string;
  readonly body: Output;
}

/** Rejects only for a bug of this server. */
export async function answerAction(context: ActionContext, action: string, input: Input): Promise<Answer> {
  try {
    const known = ACTIONS[action];
    if (known === undefined) throw new Refusal("InvalidAction", `The action ${action} is not valid for this endpoint.`);
    return { status: 200, body: await known(context, input) };
  } catch (error) {
    if (error instanceof Refusal) return refusalAnswer(error);
    throw error;
  }
}

export function refusalAnswer(refusal: Refusal, status = refusal.status): Answer {
  const type = refusal.senderFault ? "Sender" : "Receiver";
  return {
    status,
    queryError: `${refusal.legacyCode};${type}`,
    body: { __type: `com.amazonaws.sqs#${refusal.code}`, message: refusal.message },
  };
}
