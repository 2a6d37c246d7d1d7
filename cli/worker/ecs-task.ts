// Who this worker is, on ECS: the task's id, as the console and CloudWatch show it. A container's
// host name says nothing there.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
import * as v from "valibot";
import { systemClock } from "../../core/clock.ts";
import { answerText } from "../../core/formats/answer-text.ts";
import { parseJson } from "../../core/formats/json.ts";
import type { Env } from "../options/resolve.ts";

/** The endpoint is on the machine itself; a start must not hang on it. */
const ANSWER_MS = 1_000;

const Task = v.object({
  TaskARN: v.fallback(v.nullable(v.string()), null),
  LaunchType: v.fallback(v.nullable(v.string()), null),
});

/** `null` means that this is not an ECS task, or that its metadata cannot be read. */
export async function ecsTaskId(env: Env): Promise<string | null> {
  const arn = (await ecsTask(env))?.TaskARN ?? null;
  return arn === null ? null : idOf(arn);
}

/**
 * Returns `FARGATE`, `EC2` or `EXTERNAL`; null as above. The metadata does not name the container's
 * stop timeout.
 */
export async function ecsLaunchType(env: Env): Promise<string | null> {
  return (await ecsTask(env))?.LaunchType ?? null;
}

async function ecsTask(env: Env): Promise<v.InferOutput<typeof Task> | null> {
  const endpoint = env["ECS_CONTAINER_METADATA_URI_V4"];
  if (endpoint === undefined || endpoint === "") return null;
  const limit = systemClock.deadline(ANSWER_MS);
  try {
    const answer = await fetch(`${endpoint}/task`, { signal: limit.signal, redirect: "error" });
    return v.parse(Task, parseJson(await answerText(answer)));
  } catch {
    return null;
  } finally {
    limit.clear();
  }
}

/**
 * `arn:aws:ecs:<region>:<account>:task/<cluster>/<id>`, or without the cluster where ARNs are still
 * of the old form.
 */
function idOf(arn: string): string | null {
  return /^arn:[\w-]+:ecs:[\w-]+:\d+:task\/(?:[\w-]+\/)?([\w-]+)$/.exec(arn)?.[1] ?? null;
}
