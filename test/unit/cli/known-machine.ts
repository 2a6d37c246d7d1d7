// A machine whose facts are known, and a run command's configuration read on it.

import type { Machine } from "../../../cli/options/option.ts";
import type { Env } from "../../../cli/options/resolve.ts";
import { configure } from "../../../cli/options/setup.ts";
import { type WorkerConfig, workerSetup } from "../../../cli/worker/worker-config.ts";

export const machine: Machine = {
  hostname: () => "worker-1",
  pid: () => 7,
  uid: () => 1_000,
  tmpdir: () => "/tmp",
  isDirectory: (path) => path === "/dagster",
};

/** The least that `run` needs. */
export const enough: Env = {
  TASKIQ_QUEUE_URL: "http://127.0.0.1:4566/000000000000/steps.fifo",
  DAGSTER_HOME: "/dagster",
};

export interface ReadRun {
  /** Null when there are problems. */
  readonly config: WorkerConfig | null;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export function readRun(argv: readonly string[], env: Env = enough): ReadRun {
  const { problems, warnings, config } = configure(workerSetup, argv, env, machine);
  return { config: problems.length === 0 ? config() : null, problems, warnings };
}
