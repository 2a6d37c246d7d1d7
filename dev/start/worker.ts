// The demo's worker: the built bundle, started as in production but for the shorter waits.
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { Program } from "./program.ts";
import { codeDirectory, codeLocation } from "./surroundings.ts";

const slots = "4";

/** As a person would type it. */
export const workerArguments = ["run", "--concurrency", slots, "-m", codeLocation, "-d", codeDirectory] as const;

/** A long poll is finished before a worker stops; people should not wait for twenty seconds. */
const hurried = ["--wait-time", "1s", "--grace", "10s"];

const startWithinMs = 60_000;

export function startWorker(
  home: string,
  env: Readonly<Record<string, string | undefined>>,
  healthPort: number,
): Program {
  return new Program({
    name: "the worker",
    command: [process.execPath, "dist/taskiq.mjs", ...workerArguments, ...hurried, "--log-format", "text"],
    env: { ...env, TASKIQ_WORKER_HEALTH_PORT: String(healthPort) },
    log: join(home, "worker.log"),
    graceMs: 15_000,
  });
}

/** Waits until a program answers 200 under `url`, has ended, or nobody waits any more. */
export async function answering(program: Program, url: string, stopping: AbortSignal): Promise<void> {
  const isReady = async () => stopping.aborted || !program.running || (await fetch(url)).ok;
  await eventually(`${url} answers 200`, isReady, startWithinMs);
}
