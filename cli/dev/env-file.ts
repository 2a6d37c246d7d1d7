// A `.env` file in the working directory. Dagster prefers it to the environment in which
// `dagster dev` is started.
import { readFileSync } from "node:fs";
import { Fault } from "../../core/faults.ts";
import { queueNameOf } from "../../core/queue/queue-place.ts";

/** Throws a `Fault` when the file leads Dagster to another home or queue than the worker's. */
export function requireFitEnvFile(
  path: string,
  variables: Readonly<Record<string, string>>,
  queues: readonly string[],
): void {
  const deciding = ["DAGSTER_HOME", "TASKIQ_LOCAL_SQS", "TASKIQ_QUEUE_URL"];
  const own = assignments(path).filter(([name, value]) => deciding.includes(name) && value !== variables[name]);
  const problems = own.flatMap(([name, value]) => {
    const queue = queueNameOf(value);
    // Every URL leads to the local server, which goes by the last part.
    if (name === "TASKIQ_QUEUE_URL" && queues.includes(queue)) return [];
    return [`${name}=${value}${adviceOn(name, value, queue)}`];
  });
  if (problems.length === 0) return;
  const hint = "Dagster reads these from the file and ignores what taskiq dev sets.";
  throw new Fault("TQ_CONFIG", `${path} points Dagster elsewhere:\n${problems.join("\n")}`, { hint });
}

function adviceOn(name: string, value: string, queue: string): string {
  if (name === "DAGSTER_HOME") return `: start with --dagster-home ${value}, or take it out`;
  if (name === "TASKIQ_QUEUE_URL") return `: start with --queue-name ${queue}, or take it out`;
  return ": take it out";
}

/** Only names and plain values: what decides here is neither long nor escaped. */
function assignments(path: string): readonly (readonly [name: string, value: string])[] {
  const lines = read(path).matchAll(/^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$/gm);
  return [...lines].map(([, name = "", value = ""]) => [name, value.replace(/^(["'])(.*)\1$/, "$2")]);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
