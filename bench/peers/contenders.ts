// Who runs the jobs: Dagster by itself, or with workers beside its run worker.
import { fileURLToPath } from "node:url";
import { eventually } from "../../test/support/eventually.ts";
import { WorkerProcess } from "../../test/support/taskiq/worker-process.ts";
import { type CpuByKind, workerCpu } from "./cpu-account.ts";
import type { Instance } from "./instance.ts";
import { RunWorker } from "./run-worker.ts";

export interface Contender {
  /** What the names of its jobs in `peer_jobs.py` end with. */
  readonly executor: string;
  readonly runWorker: RunWorker;
  /** The run configuration that its executor needs. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of everything but the run worker and the database. */
  cpu(): CpuByKind;
  stop(): Promise<void>;
}

const START_MS = 180_000;

/** One of Dagster's own executors, which need nothing beside the run worker. */
export function startInRunWorker(instance: Instance, python: string, executor: string): Contender {
  const runWorker = new RunWorker(python, instance.env());
  return { executor, runWorker, cpu: () => ({}), stop: () => runWorker.stop() };
}

export interface TaskiqOptions {
  readonly slots: number;
  readonly flags?: readonly string[];
  readonly executor?: "taskiq" | "spawned";
  readonly runWorkerEnv?: Readonly<Record<string, string>>;
}

/** Resolves when the worker takes steps. */
export async function startTaskiq(
  instance: Instance,
  python: string,
  { slots, flags = [], executor = "taskiq", runWorkerEnv = {} }: TaskiqOptions,
): Promise<Contender & { readonly worker: WorkerProcess }> {
  const queue = await instance.createQueue();
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const args = [
    ...["run", "--python", python, "-m", "peer_jobs", "-d", folder, "--concurrency", String(slots)],
    ...["--ledger-url", instance.ledgerUrl, "--health-port", "0", "--log-format", "json", ...flags],
  ];
  const worker = new WorkerProcess({ args, env: instance.env(queue) });
  await eventually(
    "the worker is ready or gone",
    () => !worker.running || worker.count("worker.started") > 0,
    START_MS,
  );
  if (!worker.running) throw new Error(`the worker ended before it was ready:\n${worker.tail()}`);
  const runWorker = new RunWorker(python, { ...instance.env(queue), ...runWorkerEnv });
  const stop = async () => {
    await runWorker.stop();
    await worker.stop();
  };
  return { executor, runWorker, worker, cpu: () => workerCpu(worker.pid), stop };
}
