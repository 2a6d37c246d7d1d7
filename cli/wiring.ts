// Names the adapters of queue and runner: settings in, a worker with its SQS queue, its ledger and its step host out.
import { systemClock } from "../core/clock.ts";
import type { Observe } from "../core/observe.ts";
import { defaultPolicy, type Policy } from "../core/policy.ts";
import type { QueueSurvey } from "../core/queue/port.ts";
import { openSqsQueue } from "../core/queue/sqs.ts";
import { HostRunner } from "../core/runner/host.ts";
import { Worker, type WorkerPorts } from "../core/worker.ts";
import { openLedger } from "./ledger-wiring.ts";
import type { Env } from "./resolve.ts";
import type { RunConfig } from "./run-config.ts";

export interface Wired {
  readonly worker: Worker;
  readonly ports: WorkerPorts;
  /** What the queues say of themselves; rejects with a `Fault`. */
  survey(): Promise<QueueSurvey>;
}

/** Importing Dagster and a large code location can take minutes. */
const HOST_START_MS = 300_000;
const PRUNE_MS = 3_600_000;

/** Opens the ledger; the queue and the step host are first used by whoever starts them. Rejects with a `Fault`. */
export async function wireWorker(config: RunConfig, env: Env, observe: Observe): Promise<Wired> {
  const clock = systemClock;
  const chance = Math.random;
  const queue = openSqsQueue({
    queue: config.queue,
    deadLetter: config.deadLetter,
    region: config.region ?? undefined,
    endpoint: config.endpointUrl ?? undefined,
    clock,
    observe,
    random: chance,
  });
  const ports: WorkerPorts = {
    queue,
    ledger: await openLedger(config.ledger, config.workerId, config.visibilityMs),
    runner: new HostRunner(hostSettings(config, env), { clock, observe, chance }),
    clock,
    observe,
    chance,
  };
  const worker = new Worker(ports, {
    worker: config.workerId,
    concurrency: config.concurrency,
    leaseMs: config.visibilityMs,
    waitMs: config.waitMs,
    sweepMs: config.sweepMs,
    pruneMs: PRUNE_MS,
    policy: policyOf(config),
  });
  return { worker, ports, survey: () => queue.survey() };
}

function policyOf({ maxStarts, onExhausted, limits }: RunConfig): Policy {
  return { ...defaultPolicy, maxStarts, onExhausted, limits };
}

function hostSettings(config: RunConfig, env: Env) {
  return {
    python: config.python,
    locationArgs: config.locationArgs,
    env: { ...env, DAGSTER_HOME: config.dagsterHome },
    startMs: HOST_START_MS,
  };
}
