// What one request gets back, faults included.
import type { ActionContext } from "../../../../cli/dev/sqs-server/actions.ts";
import { type Answer, answerAction, refusalAnswer } from "../../../../cli/dev/sqs-server/answer.ts";
import { Refusal } from "../../../../cli/dev/sqs-server/refusal.ts";
import { type Input, listOf } from "../../../../cli/dev/sqs-server/wire.ts";
import type { ServerFault } from "./faults.ts";

export interface FaultyAnswer extends Answer {
  /** How the answer is delivered; `whole` when left out. */
  readonly delivery?: "cut" | "stall_head" | "stall_body";
}

/** Rejects only for a bug of this server. */
export async function answerRequest(
  context: ActionContext,
  action: string,
  input: Input,
  fault: ServerFault | null,
): Promise<FaultyAnswer> {
  const refused = fault === null ? null : withoutEffect(fault);
  if (refused !== null) return refused;
  if (fault?.kind === "held") await fault.until;
  const asked = fault?.kind === "entries" ? withoutEntries(input, fault.positions) : input;
  const answer = await answerAction(context, action, asked);
  return fault === null ? answer : afterEffect(context, answer, input, fault);
}

function withoutEffect(fault: ServerFault): FaultyAnswer | null {
  if (fault.kind === "refuse") return refusalAnswer(new Refusal(fault.code, "Injected."), fault.status);
  if (fault.kind === "error" && fault.effect === "before") return internalError(fault.status);
  if (fault.kind === "cut" && fault.effect === "before") return { status: 200, body: {}, delivery: "cut" };
  return null;
}

async function afterEffect(
  context: ActionContext,
  answer: Answer,
  input: Input,
  fault: ServerFault,
): Promise<FaultyAnswer> {
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
  return { status: 200, body: { Successful, Failed: [...Failed, ...failed] } };
}

function internalError(status: number): Answer {
  const refusal = new Refusal(
    "InternalFailure",
    "The request processing has failed because of an unknown error.",
    false,
  );
  return refusalAnswer(refusal, status);
}
