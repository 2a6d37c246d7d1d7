// Puts a worker together from its configuration: its queues, its ledger and its step host.
import type { Bugs } from "../../core/bugs.ts";
import { systemClock as clock } from "../../core/clock.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import type { Observe } from "../../core/observe.ts";
import type { Queue, QueueSurvey } from "../../core/queue/port.ts";
import { TaskProtection } from "../../core/worker/protection/task-protection.ts";
import { Worker, type WorkerPorts } from "../../core/worker/worker.ts";
import { queueText } from "../options/queue-choice.ts";
import type { Env } from "../options/resolve.ts";
import { openAgent } from "../wiring/ecs.ts";
import { openLedger } from "../wiring/ledger.ts";
import { openQueue } from "../wiring/queue.ts";
import { openStepHost } from "../wiring/step-host.ts";
import type { WorkerConfig } from "./worker-config.ts";

export interface Wired {
  readonly worker: Worker;
  readonly ports: WorkerPorts;
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
  observe: Observe,
  bugs: Bugs,
  watch: WatchQueue = (queue) => queue,
): Promise<Wired> {
  const { workerId, concurrency, leaseMs, waitMs, sweepMs, envelopeKeys, maxStarts, onExhausted, limits } = config;
  const queues = config.queues.map((taken) => ({
    ...taken,
    name: queueText(taken.queue),
    queue: openQueue({ ...config, ...taken }, env, observe),
  }));
  const ports: WorkerPorts = {
    queues: queues.map((taken) => ({ ...taken, queue: watch(taken.queue) })),
    ledger: await openLedger(config.ledger, workerId, leaseMs),
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
    waitMs,
    sweepMs,
    quietMs: QUIET_MS,
    pruneMs: PRUNE_MS,
    policy: { ...defaultPolicy, maxStarts, onExhausted, limits },
    envelopeKeys,
  });
  return { worker, ports, survey: () => Promise.all(queues.map(({ queue }) => queue.survey())) };
}

function protectionOf({ protectMs }: WorkerConfig, env: Env, observe: Observe): Pick<WorkerPorts, "protection"> {
  if (protectMs === null) return {};
  const agent = openAgent(env);
  if (agent !== null) return { protection: new TaskProtection({ agent, clock, observe, chance }, protectMs) };
  const message = "--task-protection does nothing here: ECS_AGENT_URI, which ECS sets in its tasks, is not set";
  observe({ event: "protection.missing", level: "warn", message });
  return {};
}
