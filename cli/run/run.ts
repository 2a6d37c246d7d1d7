// `taskiq run`: takes steps from the queue until told to stop.
import { systemClock } from "../../core/clock.ts";
import { startHealthServer } from "../../core/endpoints/health-server.ts";
import type { JsonServer } from "../../core/endpoints/json-server.ts";
import { Fault } from "../../core/faults.ts";
import { preflight } from "../../core/preflight/preflight.ts";
import type { Worker, WorkerPorts, WorkerSnapshot } from "../../core/worker.ts";
import { defineCommand, type Io } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { listenForStop, type StopRequests } from "../signals.ts";
import { createLogger, type Logger } from "../terminal/logger.ts";
import { version } from "../version.ts";
import { type WatchQueue, type Wired, wireWorker } from "../wiring.ts";
import { openControl } from "./control.ts";
import { ecsTaskId } from "./ecs-task.ts";
import { requireFitQueues } from "./queue-findings.ts";
import { type RunConfig, runSetup } from "./run-config.ts";
import { firstFlags } from "./run-options.ts";

export const command = defineCommand({
  name: "run",
  setup: runSetup,
  examples: [
    "taskiq run --queue-name steps.fifo -m my_project.definitions",
    "taskiq run --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/steps.fifo --concurrency 8",
    "taskiq run --queue high.fifo --queue default.fifo:3 --queue bulk.fifo:1:max=2 -m my_project.definitions",
    "TASKIQ_QUEUE_NAME=steps.fifo TASKIQ_WORKER_CONCURRENCY=8 taskiq run -m my_project.definitions",
  ],
  first: firstFlags,
  no: "A bug in taskiq stopped the worker.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (given, io, warnings) => {
    const config = await named(given, io);
    const logger = createLogger({ ...config.log, stream: io.stderr, worker: config.workerId });
    try {
      await runWorker(config, io, warnings, logger);
      return exitCodes.done;
    } finally {
      await logger.flush();
    }
  },
});

/** Another command's part in a worker's life. */
export interface Companion {
  readonly watch: WatchQueue;
  /** Runs beside the worker, which has started, and stops it whatever happens; `stopped` aborts when a signal did. */
  beside(worker: Worker, stopped: AbortSignal): Promise<void>;
}

export async function named(config: RunConfig, { env, machine }: Io): Promise<RunConfig> {
  const task = config.namesItself ? await ecsTaskId(env) : null;
  return task === null ? config : { ...config, workerId: `${task}:${machine.pid()}` };
}

/** One worker, from its start to its end. Whoever accompanies it is no worker to be made quiet. */
export async function runWorker(
  config: RunConfig,
  io: Io,
  warnings: readonly string[],
  { observe }: Logger,
  companion?: Companion,
): Promise<WorkerSnapshot> {
  // First of all: until somebody listens, the signal that stops PID 1 of a container is lost.
  const stop = listenForStop(io.signals, systemClock, observe);
  for (const message of warnings) observe({ event: "config.warning", level: "warn", message });
  const wired = await wireWorker(config, io.env, observe, companion?.watch).catch((error: unknown) => {
    stop.close();
    throw error;
  });
  const state = { started: false };
  try {
    const health = await openHealth(config, wired, state, stop);
    const control = companion === undefined ? await openControl(config, wired.worker, io, observe) : null;
    try {
      await work(config, wired, state, stop, companion);
    } finally {
      await control?.close();
      await health.close();
    }
  } finally {
    stop.close();
    await closePorts(wired.ports);
  }
  const snapshot = wired.worker.snapshot();
  const { received, ended } = snapshot;
  const message = `stopped: ${received} received, ${ended.acked} done, ${ended.buried} buried, ${ended.released} given back, ${ended.lost} lost`;
  observe({ event: "worker.stopped", level: "info", message, received, ...ended });
  return snapshot;
}

/** A stop during the start is no failure of the start. */
async function work(
  config: RunConfig,
  wired: Wired,
  state: { started: boolean },
  stop: StopRequests,
  companion?: Companion,
): Promise<void> {
  const { worker, ports } = wired;
  if (stop.quiet.aborted) return;
  try {
    await untilStopped(start(config, wired), stop, ports);
  } catch (error) {
    if (stop.quiet.aborted) return;
    throw error;
  }
  stop.quiet.addEventListener("abort", () => worker.stop(config.graceMs));
  stop.now.addEventListener("abort", () => worker.stop(0));
  if (stop.quiet.aborted) worker.stop(stop.now.aborted ? 0 : config.graceMs);
  state.started = true;
  const ends = await Promise.allSettled([worker.run(), companion?.beside(worker, stop.quiet)]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function start(config: RunConfig, { ports: { runner, observe }, survey }: Wired): Promise<void> {
  const surveyed = await survey();
  const limits = { maxStarts: config.maxStarts, leaseMs: config.visibilityMs };
  requireFitQueues(
    surveyed.flatMap((one) => preflight(one, limits)),
    observe,
  );
  await runner.start();
  const urls = surveyed.map(({ queue }) => queue.url).join(" ");
  const { workerId: worker, concurrency } = config;
  const message = `taskiq ${version}: worker ${worker} takes ${concurrency} step(s) at a time from ${urls}`;
  observe({ event: "worker.started", level: "info", message, queue: urls, concurrency });
}

/** Stopping ends a step host that is still importing; `starting` then rejects. */
async function untilStopped(starting: Promise<void>, stop: StopRequests, { runner }: WorkerPorts): Promise<void> {
  const giveUp = () => void runner.stop();
  stop.quiet.addEventListener("abort", giveUp);
  try {
    await starting;
  } finally {
    stop.quiet.removeEventListener("abort", giveUp);
  }
}

function openHealth(
  config: RunConfig,
  { worker, ports }: Wired,
  state: { readonly started: boolean },
  stop: StopRequests,
): Promise<JsonServer> {
  return startHealthServer({
    ...config.health,
    worker: config.workerId,
    clock: ports.clock,
    facts: () => {
      const snapshot = worker.snapshot();
      return {
        ...snapshot,
        started: state.started,
        stopping: stop.quiet.aborted || snapshot.stopping,
        waitMs: config.waitMs,
      };
    },
  });
}

/** Everything is closed, whatever refuses to; nothing depends on it any more. */
async function closePorts({ runner, ledger, queues, observe }: WorkerPorts): Promise<void> {
  const queue = Promise.all(queues.map((one) => one.queue.close()));
  const closing = { runner: runner.stop(), ledger: ledger.close(), queue };
  for (const [what, closed] of Object.entries(closing)) {
    try {
      await closed;
    } catch (error) {
      const message = `could not close the ${what}: ${error instanceof Fault ? error.message : error}`;
      observe({ event: "worker.close_failed", level: "warn", message });
    }
  }
}
