// A running worker, from its start to its end: `taskiq run`, `drain` and `dev` have one each.
import { Bugs } from "../../core/bugs.ts";
import { systemClock as clock } from "../../core/clock.ts";
import { noOutcomes } from "../../core/delivery/outcome-counts.ts";
import { startHealthServer } from "../../core/endpoints/health-server.ts";
import type { JsonServer } from "../../core/endpoints/json-server.ts";
import type { StatusOptions } from "../../core/endpoints/status-pages.ts";
import { Fault } from "../../core/faults.ts";
import { counted } from "../../core/formats/counted.ts";
import type { Observe } from "../../core/observe.ts";
import { preflight } from "../../core/preflight/preflight.ts";
import { statusDocument } from "../../core/status/document.ts";
import type { WorkerSnapshot } from "../../core/worker/snapshot.ts";
import type { Worker, WorkerPorts } from "../../core/worker/worker.ts";
import type { Io } from "../command.ts";
import { ownVariables } from "../options/own-variables.ts";
import { aborted, listenForStop, type StopRequests, withinStop } from "../signals.ts";
import type { Logger } from "../terminal/logger.ts";
import { version } from "../version.ts";
import { closeAll } from "./close-all.ts";
import { openControl } from "./control.ts";
import { ecsTaskId } from "./ecs-task.ts";
import { requireFitQueues } from "./queue-findings.ts";
import { type WatchQueue, type Wired, wireWorker } from "./wire-worker.ts";
import type { WorkerConfig } from "./worker-config.ts";

/** Another command's part in a worker's life. */
export interface Companion {
  readonly watch: WatchQueue;
  /**
   * Runs beside the worker, which has started. The worker stops when it is over. `stopped` aborts
   * when something else stops the worker.
   */
  beside(worker: Worker, stopped: AbortSignal): Promise<void>;
}

/** How a worker ended. */
export interface WorkerEnd {
  readonly snapshot: Pick<WorkerSnapshot, "received" | "ended" | "outcomes">;
  /** A bug stopped it; the log has it as `worker.bug`. */
  readonly bug: boolean;
}

export async function named(config: WorkerConfig, { env, machine }: Io): Promise<WorkerConfig> {
  const task = config.namesItself ? await ecsTaskId(env) : null;
  return task === null ? config : { ...config, workerId: `${task}:${machine.pid()}` };
}

interface Life {
  readonly config: WorkerConfig;
  readonly io: Io;
  readonly observe: Observe;
  readonly stop: StopRequests;
  readonly bugs: Bugs;
  readonly companion: Companion | undefined;
  /** `null` before it is wired. */
  wired: Wired | null;
  started: boolean;
}

/** One worker, from its start to its end. A worker with a companion has no control endpoint. */
export async function runWorker(
  config: WorkerConfig,
  io: Io,
  warnings: readonly string[],
  { observe }: Logger,
  companion?: Companion,
): Promise<WorkerEnd> {
  // First of all: until this process listens, PID 1 of a container loses the signal that stops it.
  const stop = listenForStop(io.signals, clock, observe);
  const bugs = new Bugs(observe);
  bugs.found.addEventListener("abort", () => stop.begin("bug"));
  // Node reports rejections that no code handles as uncaught exceptions, too.
  const uncaught = (error: unknown) => bugs.report("uncaught", error);
  io.signals.on("uncaughtException", uncaught);
  for (const message of warnings) observe({ event: "config.warning", level: "warn", message });
  io.hearStray?.((message) => observe({ event: "process.stray_output", level: "warn", message }));
  const life: Life = { config, io, observe, stop, bugs, companion, wired: null, started: false };
  try {
    const { inTime } = await withinStop(live(life), stop, clock, () => (life.started ? config.graceMs : 0));
    return endOf(life, inTime);
  } finally {
    stop.close();
    io.signals.off("uncaughtException", uncaught);
  }
}

function endOf({ wired, observe, bugs }: Life, inTime: boolean): WorkerEnd {
  const snapshot = wired?.worker.snapshot() ?? { ...NOTHING_DONE, underWay: 0 };
  const { received, ended, underWay } = snapshot;
  if (!inTime) {
    wired?.ports.runner.kill();
    const message = `the stop took too long: exiting with ${counted(underWay, "message")} under way; SQS delivers each again when its visibility ends`;
    observe({ event: "worker.stop_cut", level: "warn", message, underWay });
  }
  const message = `stopped: ${received} received, ${ended.acked} done, ${ended.buried} buried, ${ended.released} given back, ${ended.lost} lost`;
  observe({ event: "worker.stopped", level: "info", message, received, ...ended });
  return { snapshot, bug: bugs.found.aborted };
}

/** How long the end of a worker waits for a receiver of metrics. */
const LAST_METRICS_MS = 2_000;

const NOTHING_DONE = { received: 0, ended: { acked: 0, buried: 0, released: 0, lost: 0 }, outcomes: noOutcomes() };

async function live(life: Life): Promise<void> {
  const { config, io, observe, bugs, companion } = life;
  const wired = await wireWorker(config, io.env, observe, bugs, companion?.watch);
  life.wired = wired;
  // The worker has read its environment; what it starts from here on could read it, too.
  io.forgetVariables?.(ownVariables(io.env, config.ledger, config.dagsterHome));
  try {
    const health = await openHealth(life, wired);
    const metrics = { close: () => wired.meter.close(LAST_METRICS_MS) };
    const control = companion === undefined ? await openControl(config, wired.worker, io, observe) : null;
    try {
      await work(life, wired);
    } finally {
      await closeAll({ control, health, metrics }, observe);
    }
  } finally {
    await closePorts(wired.ports);
  }
}

/** A stop during the start ends the start at once, and is not a failure. */
async function work(life: Life, wired: Wired): Promise<void> {
  const { config, stop, companion, bugs } = life;
  const { worker } = wired;
  try {
    await Promise.race([start(config, wired), aborted(stop.quiet)]);
  } catch (error) {
    if (!stop.quiet.aborted) throw error;
  }
  if (stop.quiet.aborted) return;
  stop.quiet.addEventListener("abort", () => worker.stop(config.graceMs));
  stop.now.addEventListener("abort", () => worker.stop(0));
  life.started = true;
  const beside = companion?.beside(worker, stop.quiet).finally(() => stop.begin("companion"));
  const ends = await Promise.allSettled([worker.run(), beside]);
  for (const end of ends) {
    if (end.status !== "rejected") continue;
    if (end.reason instanceof Fault) throw end.reason;
    bugs.report("companion", end.reason);
  }
}

async function start(config: WorkerConfig, { ports: { runner, observe }, survey }: Wired): Promise<void> {
  const surveyed = await survey();
  const limits = { maxStarts: config.maxStarts, leaseMs: config.leaseMs };
  requireFitQueues(
    surveyed.flatMap((one) => preflight(one, limits)),
    observe,
  );
  await runner.start();
  const urls = surveyed.map(({ queue }) => queue.url).join(" ");
  const { workerId: worker, concurrency } = config;
  const message = `taskiq ${version}: worker ${worker} takes ${counted(concurrency, "step")} at a time from ${urls}`;
  observe({ event: "worker.started", level: "info", message, queue: urls, concurrency });
}

function openHealth(life: Life, wired: Wired): Promise<JsonServer> {
  const { config, stop } = life;
  const { worker, ports, meter } = wired;
  return startHealthServer({
    ...config.health,
    worker: config.workerId,
    clock: ports.clock,
    observe: ports.observe,
    metrics: meter.text,
    status: statusOf(life, wired),
    facts: () => {
      const snapshot = worker.snapshot();
      return {
        ...snapshot,
        started: life.started,
        stopping: stop.quiet.aborted || snapshot.stopping,
        waitMs: config.waitMs,
        readyWithinMs: config.health.readyWithinMs,
        advice: ports.runner.advice(),
      };
    },
  });
}

function statusOf(life: Life, { worker, ports, steps }: Wired): StatusOptions | null {
  const { config, io, stop } = life;
  if (config.statusPage === "off") return null;
  const beganMs = clock.monoMs();
  return {
    access: config.statusPage,
    document: (health) => {
      const snapshot = worker.snapshot();
      const facts = {
        worker: config.workerId,
        version,
        pid: io.machine.pid(),
        nowMs: clock.wallMs(),
        uptimeMs: clock.monoMs() - beganMs,
        started: life.started,
        running: steps.running(),
        ended: steps.ended(),
        series: steps.series(),
        host: ports.runner.versions(),
        advice: ports.runner.advice(),
        intake: worker.intakeState(),
        snapshot: { ...snapshot, stopping: stop.quiet.aborted || snapshot.stopping },
      };
      return statusDocument(facts, health);
    },
  };
}

async function closePorts({ runner, ledger, queues, observe }: WorkerPorts): Promise<void> {
  // Stopping the runner ends a step host that is still importing.
  const closing = { runner: { close: () => runner.stop() }, ledger };
  await closeAll(
    { ...closing, ...Object.fromEntries(queues.map(({ name, queue }) => [`queue ${name}`, queue])) },
    observe,
  );
}
