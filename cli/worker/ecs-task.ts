// Who this worker is, on ECS: the task's id, as the console and CloudWatch show it. A container's host name says nothing there.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
import { answerText } from "../../core/formats/answer-text.ts";
import type { Env } from "../options/resolve.ts";

/** The endpoint is on the machine itself; a start must not hang on it. */
const ANSWER_MS = 1_000;

/** Null when this is no ECS task, or when its metadata cannot be had. */
export async function ecsTaskId(env: Env): Promise<string | null> {
  const arn = (await ecsTask(env))?.TaskARN;
  return typeof arn === "string" ? idOf(arn) : null;
}

/** `FARGATE`, `EC2` or `EXTERNAL`; null as above. The metadata does not name the container's stop timeout. */
export async function ecsLaunchType(env: Env): Promise<string | null> {
  const type = (await ecsTask(env))?.LaunchType;
  return typeof type === "string" ? type : null;
}

async function ecsTask(env: Env): Promise<{ readonly TaskARN?: unknown; readonly LaunchType?: unknown } | null> {
  const endpoint = env["ECS_CONTAINER_METADATA_URI_V4"];
  if (endpoint === undefined || endpoint === "") return null;
  try {
    const answer = await fetch(`${endpoint}/task`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "error" });
    return JSON.parse(await answerText(answer)) as object | null;
  } catch {
    return null;
  }
}

/** `arn:aws:ecs:<region>:<account>:task/<cluster>/<id>`, or without the cluster where ARNs are still of the old form. */
function idOf(arn: string): string | null {
  return /^arn:[\w-]+:ecs:[\w-]+:\d+:task\/(?:[\w-]+\/)?([\w-]+)$/.exec(arn)?.[1] ?? null;
}
