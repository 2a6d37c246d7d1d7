// Puts a worker together from its configuration: its queues, its ledger and its step host.
import type { Bugs } from "../../core/bugs.ts";
import { systemClock as clock } from "../../core/clock.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import { measureEvents } from "../../core/metrics/from-events.ts";
import type { OpenMeter } from "../../core/metrics/otel.ts";
import { measureLedger, measureQueue } from "../../core/metrics/watched-ports.ts";
import { gaugeWorker } from "../../core/metrics/worker-gauges.ts";
import type { Observe } from "../../core/observe.ts";
import type { Queue, QueueSurvey } from "../../core/queue/port.ts";
import { queueNameOf } from "../../core/queue/queue-place.ts";
import { RecentSteps } from "../../core/status/recent-steps.ts";
import { TaskProtection } from "../../core/worker/protection/task-protection.ts";
import { Worker, type WorkerPorts } from "../../core/worker/worker.ts";
import { queueText } from "../options/queue-choice.ts";
import type { Env } from "../options/resolve.ts";
import { openAgent } from "../wiring/ecs.ts";
import { openLedger, schemaBesideDagster } from "../wiring/ledger.ts";
import { openMetrics, processFacts } from "../wiring/metrics.ts";
import { openQueue } from "../wiring/queue.ts";
import { openStepHost } from "../wiring/step-host.ts";
import type { WorkerConfig } from "./worker-config.ts";

export interface Wired {
  readonly worker: Worker;
  readonly ports: WorkerPorts;
  readonly meter: OpenMeter;
  /** For the status page. */
  readonly steps: RecentSteps;
  /** What the queues say of themselves, in their order; rejects with a `Fault`. */
  survey(): Promise<readonly QueueSurvey[]>;
}

/** Stands between the worker and a queue, and sees every message that is received. */
export type WatchQueue = (queue: Queue) => Queue;

const PRUNE_MS = 3_600_000;
const QUIET_MS = 5_000;

const chance = Math.random;

/**
 * Opens the ledger; the queues and the step host are opened by their first use. Rejects with a
 * `Fault`.
 */
export async function wireWorker(
  config: WorkerConfig,
  env: Env,
  log: Observe,
  bugs: Bugs,
  watch: WatchQueue = (queue) => queue,
): Promise<Wired> {
  const { workerId, concurrency, leaseMs, waitMs, sweepMs, envelopeKeys, maxStarts, onExhausted, limits } = config;
  const meter = await openMetrics(workerId, env);
  const steps = new RecentSteps(clock, firstQueueOf(config));
  const observe = observeAs(config, log, meter, steps);
  const queues = config.queues.map((taken) => ({
    ...taken,
    name: queueText(taken.queue),
    queue: openQueue({ ...config, ...taken }, env, observe),
  }));
  const ports: WorkerPorts = {
    queues: queues.map((taken) => {
      const { queue, name } = taken;
      return { ...taken, queue: watch(measureQueue(queue, queueNameOf(name), { meter, clock })) };
    }),
    ledger: measureLedger(await openLedger(config.ledger, workerId, leaseMs, env), { meter, clock }),
    runner: openStepHost(config, config.stepOutput, env, observe),
    clock,
    observe,
    bugs,
    chance,
    ...protectionOf(config, env, observe),
  };
  const worker = new Worker(ports, {
    worker: workerId,
    concurrency,
    leaseMs,
    ledgerSchema: schemaBesideDagster(config.ledger),
    waitMs,
    sweepMs,
    quietMs: QUIET_MS,
    pruneMs: PRUNE_MS,
    policy: { ...defaultPolicy, maxStarts, onExhausted, limits },
    envelopeKeys,
  });
  gaugeWorker(meter, () => worker.snapshot(), processFacts());
  return { worker, ports, meter, steps, survey: () => Promise.all(queues.map(({ queue }) => queue.survey())) };
}

/** What the worker logs is counted, too, and shown on the status page. */
function observeAs(config: WorkerConfig, log: Observe, meter: OpenMeter, steps: RecentSteps): Observe {
  const count = measureEvents(meter, { queue: firstQueueOf(config), jobs: new Set(config.metricsJobs) });
  const show = config.statusPage === "off" ? () => undefined : steps.observe;
  return (observation) => {
    log(observation);
    count(observation);
    show(observation);
  };
}

function firstQueueOf({ queues: [first] }: WorkerConfig): string {
  return first === undefined ? "" : queueText(first.queue);
}

function protectionOf({ protectMs }: WorkerConfig, env: Env, observe: Observe): Pick<WorkerPorts, "protection"> {
  if (protectMs === null) return {};
  const agent = openAgent(env);
  if (agent !== null) return { protection: new TaskProtection({ agent, clock, observe, chance }, protectMs) };
  const message = "--task-protection does nothing here: ECS_AGENT_URI, which ECS sets in its tasks, is not set";
  observe({ event: "protection.missing", level: "warn", message });
  return {};
}
