// `taskiq drain`: works the queue until it is proven empty.
import { systemClock as clock } from "../../core/clock.ts";
import { Drain, type DrainEnd } from "../../core/drain/drain.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { QueueDepth } from "../../core/queue/port.ts";
import type { WorkerSnapshot } from "../../core/worker/snapshot.ts";
import type { Worker } from "../../core/worker/worker.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { FIRST_WORKER_FLAGS } from "../options/worker-options.ts";
import { createLogger, type Logger } from "../terminal/logger.ts";
import { ProgressView } from "../terminal/progress.ts";
import { wantsColour } from "../terminal/terminal.ts";
import { named, runWorker } from "../worker/run-worker.ts";
import type { WorkerConfig } from "../worker/worker-config.ts";
import { type DrainConfig, drainSetup } from "./drain-config.ts";
import { type Drained, exitCodeOf, progressOf, summaryOf, summaryText } from "./drain-output.ts";

export const command = defineCommand({
  name: "drain",
  setup: drainSetup,
  examples: [
    "taskiq drain --queue-name steps.fifo -m my_project.definitions --concurrency 8 --max-time 1h",
    "taskiq drain --queue-name steps.fifo -m my_project.definitions --json > summary.json",
  ],
  first: ["--max-time", "--settle", "--json", ...FIRST_WORKER_FLAGS],
  no: "The queue is not empty, or a step did not succeed.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: drain,
});

const SWEEPS_PER_SETTLE = 4;

async function drain(given: DrainConfig, io: Io, warnings: readonly string[]): Promise<ExitCode> {
  const config = { ...given, worker: await named(given.worker, io) };
  const say = (message: string) => logger.observe({ event: "drain.progress", level: "info", message });
  const view = new ProgressView({ stream: io.stderr, env: io.env, clock, say });
  const colour = wantsColour(io.stderr, io.env);
  const logger = createLogger({ ...config.worker.log, stream: view.stream, worker: config.worker.workerId, colour });
  try {
    const drained = await work(config, io, warnings, logger, view);
    const summary = summaryOf(drained);
    const code = exitCodeOf(drained);
    const level = code === exitCodes.done ? "info" : "error";
    logger.observe({ event: "drain.done", level, message: summaryText(drained), ...summary });
    if (config.json) io.stdout.write(`${printableJson(summary)}\n`);
    return code;
  } finally {
    view.end();
    await logger.flush();
  }
}

/** A worker as `run` has it, and its end when the queue is proven empty. */
async function work(
  { worker: given, settleMs, maxMs }: DrainConfig,
  io: Io,
  warnings: readonly string[],
  logger: Logger,
  view: ProgressView,
): Promise<Drained> {
  const beganMs = clock.monoMs();
  const drain = new Drain(clock);
  // A signal during the start comes before anything was counted.
  let end: DrainEnd | null = null;
  let closedBecause: string | null = null;
  const beside = async (worker: Worker, stopped: AbortSignal) => {
    const progress = (snapshot: WorkerSnapshot, left: QueueDepth, elsewhere: number) =>
      view.show(progressOf(snapshot, left, elsewhere));
    const ports = { clock, observe: logger.observe, snapshot: () => worker.snapshot(), progress };
    try {
      end = await drain.run(ports, { settleMs, maxMs }, stopped);
    } finally {
      closedBecause = worker.snapshot().closedBecause;
      view.end();
    }
  };
  const config = { ...given, sweepMs: sweepMsOf(given, settleMs) };
  const { snapshot, bug } = await runWorker(config, io, warnings, logger, { watch: drain.watch, beside });
  return { end, snapshot, bug, closedBecause, seconds: Math.round((clock.monoMs() - beganMs) / 1_000) };
}

/**
 * Sweeps often enough that letters which SQS itself moved are ended before the drain is over, and
 * no run is left hanging.
 */
function sweepMsOf({ sweepMs }: WorkerConfig, settleMs: number): number | null {
  return sweepMs === null ? null : Math.min(sweepMs, settleMs / SWEEPS_PER_SETTLE);
}
