// What one request gets back, faults included.
import { ACTIONS, type ActionContext } from "./actions.ts";
import type { ServerFault } from "./faults.ts";
import { Refusal } from "./refusal.ts";
import { type Input, listOf, type Output } from "./wire.ts";

export interface Answer {
  readonly status: number;
  /** The query protocol's code, for the header `x-amzn-query-error`. */
  readonly queryError?: string;
  readonly body: Output;
  /** How the answer is delivered. */
  readonly delivery: "whole" | "cut" | "stall_head" | "stall_body";
}

/** Rejects only for a bug of this server. */
export async function answerRequest(
  context: ActionContext,
  action: string,
  input: Input,
  fault: ServerFault | null,
): Promise<Answer> {
  const refused = fault === null ? null : withoutEffect(fault);
  if (refused !== null) return refused;
  if (fault?.kind === "held") await fault.until;
  const answer = await act(context, action, fault?.kind === "entries" ? withoutEntries(input, fault.positions) : input);
  return fault === null ? answer : afterEffect(context, answer, input, fault);
}

async function act(context: ActionContext, action: string, input: Input): Promise<Answer> {
  try {
    const known = ACTIONS[action];
    if (known === undefined) throw new Refusal("InvalidAction", `The action ${action} is not valid for this endpoint.`);
    return { status: 200, body: await known(context, input), delivery: "whole" };
  } catch (error) {
    if (error instanceof Refusal) return refusalAnswer(error);
    throw error;
  }
}

function withoutEffect(fault: ServerFault): Answer | null {
  if (fault.kind === "refuse") return refusalAnswer(new Refusal(fault.code, "Injected."), fault.status);
  if (fault.kind === "error" && fault.effect === "before") return internalError(fault.status);
  if (fault.kind === "cut" && fault.effect === "before") return { status: 200, body: {}, delivery: "cut" };
  return null;
}

async function afterEffect(context: ActionContext, answer: Answer, input: Input, fault: ServerFault): Promise<Answer> {
  switch (fault.kind) {
    case "error":
      return internalError(fault.status);
    case "cut":
      return { ...answer, delivery: "cut" };
    case "stall":
      return { ...answer, delivery: fault.at === "head" ? "stall_head" : "stall_body" };
    case "late":
      await context.clock.sleep(fault.ms, context.stopped);
      return answer;
    case "swallow":
      return { ...answer, body: {} };
    case "entries":
      return withFailedEntries(answer, input, fault);
    case "held":
    case "refuse":
      return answer;
  }
}

function withoutEntries(input: Input, positions: readonly number[]): Input {
  return { ...input, Entries: listOf(input, "Entries").filter((_, index) => !positions.includes(index)) };
}

type EntriesFault = Extract<ServerFault, { kind: "entries" }>;

function withFailedEntries(answer: Answer, input: Input, { positions, code, senderFault }: EntriesFault): Answer {
  const failed = listOf(input, "Entries")
    .filter((_, index) => positions.includes(index))
    .map((entry) => ({ Id: (entry as Input)["Id"], Code: code, Message: "Injected.", SenderFault: senderFault }));
  // With no entry left, the action itself was refused as an empty batch.
  const { Successful = [], Failed = [] } =
    answer.status === 200 ? (answer.body as { Successful?: unknown[]; Failed?: unknown[] }) : {};
  return { status: 200, body: { Successful, Failed: [...Failed, ...failed] }, delivery: "whole" };
}

export function refusalAnswer(refusal: Refusal, status = refusal.status): Answer {
  const type = refusal.senderFault ? "Sender" : "Receiver";
  return {
    status,
    queryError: `${refusal.legacyCode};${type}`,
    body: { __type: `com.amazonaws.sqs#${refusal.code}`, message: refusal.message },
    delivery: "whole",
  };
}

function internalError(status: number): Answer {
  const refusal = new Refusal(
    "InternalFailure",
    "The request processing has failed because of an unknown error.",
    false,
  );
  return refusalAnswer(refusal, status);
}
