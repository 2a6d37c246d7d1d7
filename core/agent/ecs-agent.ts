// The ECS container agent's endpoint for task protection.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
import * as v from "valibot";
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import { answerText } from "../formats/answer-text.ts";
import { parseJson } from "../formats/json.ts";
import { shortened } from "../formats/shortened.ts";
import type { Agent, AgentAnswer } from "./port.ts";

/** The agent gives its own call to ECS four seconds. */
const ANSWER_MS = 5_000;
const LONGEST_WHY = 500;

const Answer = v.object({
  protection: v.optional(v.object({ ProtectionEnabled: v.boolean() })),
  /** ECS's no: the task belongs to no service, a deploy is under way. It comes with status 200. */
  failure: v.optional(v.object({ Reason: v.string(), Detail: v.nullish(v.string()) })),
  /** The agent's no: no permission, a throttle. */
  error: v.optional(v.object({ Code: v.string(), Message: v.optional(v.string(), "") })),
});

interface Asked {
  readonly ProtectionEnabled: boolean;
  readonly ExpiresInMinutes?: number;
}

/** `uri` is the container's `ECS_AGENT_URI`. */
export function ecsAgent(uri: string, clock: Pick<Clock, "deadline">, answerMs = ANSWER_MS): Agent {
  const url = `${uri}/task-protection/v1/state`;
  const put = async (asked: Asked, given: AbortSignal) => {
    const { signal, clear } = clock.deadline(answerMs, [given]);
    return await ask(url, asked, signal).finally(clear);
  };
  return {
    protect: (minutes, signal) => put({ ProtectionEnabled: true, ExpiresInMinutes: minutes }, signal),
    drop: (signal) => put({ ProtectionEnabled: false }, signal),
  };
}

async function ask(url: string, asked: Asked, signal: AbortSignal): Promise<AgentAnswer> {
  try {
    const headers = { "content-type": "application/json" };
    const request = { method: "PUT", headers, body: JSON.stringify(asked), signal, redirect: "error" } as const;
    const response = await fetch(url, request);
    const answer = judge(response.status, await answerText(response), asked);
    return "why" in answer ? { ...answer, why: shortened(answer.why, LONGEST_WHY) } : answer;
  } catch (error) {
    return { kind: "unknown", why: describeError(error) };
  }
}

function judge(status: number, body: string, asked: Asked): AgentAnswer {
  const answer = read(body);
  const { failure, error, protection } = answer ?? {};
  if (failure !== undefined) return { kind: "refused", why: [failure.Reason, failure.Detail ?? []].flat().join(": ") };
  if (status === 200 && protection?.ProtectionEnabled === asked.ProtectionEnabled) return { kind: "done" };
  const said = error === undefined ? "" : ` ${error.Code}: ${error.Message}`;
  const kind = status >= 400 && status < 500 ? "refused" : "unknown";
  return { kind, why: `the agent answered ${status}${said}` };
}

function read(body: string): v.InferOutput<typeof Answer> | null {
  const parsed = v.safeParse(Answer, parseJson(body));
  return parsed.success ? parsed.output : null;
}
