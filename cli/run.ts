// `taskiq run`: takes steps from the queue until told to stop.
import { Fault } from "../core/faults.ts";
import { type HealthServer, startHealthServer } from "../core/health-server.ts";
import { preflight } from "../core/preflight.ts";
import type { WorkerPorts } from "../core/worker.ts";
import { defineCommand, type Io } from "./command.ts";
import { openControl } from "./control.ts";
import { ecsTaskId } from "./ecs-task.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { createLogger, type Logger } from "./logger.ts";
import { requireFitQueues } from "./queue-findings.ts";
import { type RunConfig, runSetup } from "./run-config.ts";
import { listenForStop, type StopRequests } from "./signals.ts";
import { version } from "./version.ts";
import { type Wired, wireWorker } from "./wiring.ts";

export const command = defineCommand({
  name: "run",
  setup: runSetup,
  examples: [
    "taskiq run --queue-name steps.fifo -m my_project.definitions",
    "taskiq run --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/steps.fifo --concurrency 8",
    "taskiq run --queue high.fifo --queue default.fifo:3 --queue bulk.fifo:1:max=2 -m my_project.definitions",
    "TASKIQ_QUEUE_NAME=steps.fifo TASKIQ_WORKER_CONCURRENCY=8 taskiq run -m my_project.definitions",
  ],
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (given, io, warnings) => {
    const config = await named(given, io);
    const logger = createLogger({ ...config.log, stream: io.stderr, worker: config.workerId });
    try {
      return await runLogged(config, io, warnings, logger);
    } finally {
      await logger.flush();
    }
  },
});

async function named(config: RunConfig, { env, machine }: Io): Promise<RunConfig> {
  const task = config.namesItself ? await ecsTaskId(env) : null;
  return task === null ? config : { ...config, workerId: `${task}:${machine.pid()}` };
}

async function runLogged(
  config: RunConfig,
  io: Io,
  warnings: readonly string[],
  { observe }: Logger,
): Promise<ExitCode> {
  for (const message of warnings) observe({ event: "config.warning", level: "warn", message });
  const wired = await wireWorker(config, io.env, observe);
  const stop = listenForStop(io.signals, wired.ports.clock, observe);
  const state = { started: false };
  try {
    const health = await openHealth(config, wired, state, stop);
    const control = await openControl(config, wired.worker, io, observe);
    try {
      await work(config, wired, state, stop);
    } finally {
      await control.close();
      await health.close();
    }
  } finally {
    stop.close();
    await closePorts(wired.ports);
  }
  const { received, ended } = wired.worker.snapshot();
  const message = `stopped: ${received} received, ${ended.acked} done, ${ended.buried} buried, ${ended.released} given back, ${ended.lost} lost`;
  observe({ event: "worker.stopped", level: "info", message, received, ...ended });
  return exitCodes.done;
}

/** A stop during the start is no failure of the start. */
async function work(config: RunConfig, wired: Wired, state: { started: boolean }, stop: StopRequests): Promise<void> {
  const { worker, ports } = wired;
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
  await worker.run();
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
): Promise<HealthServer> {
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
