// Names the adapters of queue and runner: settings in, a worker with its SQS queue, its ledger and its step host out.
import { existsSync } from "node:fs";
import { ecsAgent } from "../core/agent/ecs-agent.ts";
import type { Bugs } from "../core/bugs.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { DagsterApi } from "../core/dagster/port.ts";
import { defaultPolicy, type Policy } from "../core/delivery/policy.ts";
import type { Ledger } from "../core/ledger/port.ts";
import type { Observe } from "../core/observe.ts";
import type { Queue, QueueSurvey } from "../core/queue/port.ts";
import { openSqsQueue, type SqsQueue } from "../core/queue/sqs/sqs.ts";
import { type Greeting, greetHost } from "../core/runner/greeting.ts";
import { HostRunner } from "../core/runner/host.ts";
import type { Runner } from "../core/runner/port.ts";
import { TaskProtection } from "../core/worker/protection/task-protection.ts";
import { Worker, type WorkerPorts } from "../core/worker/worker.ts";
import { awsEnvironment } from "./aws-wiring.ts";
import { openLedger } from "./ledger-wiring.ts";
import type { OperatorConfig } from "./operator/operator-config.ts";
import { readAuthorities } from "./options/authorities.ts";
import type { DagsterApiChoice } from "./options/dagster-api-options.ts";
import type { LedgerChoice } from "./options/ledger-options.ts";
import { locationOptions } from "./options/location-options.ts";
import { ownVariables, without } from "./options/own-variables.ts";
import { queueText } from "./options/queue-choice.ts";
import type { Env } from "./options/resolve.ts";
import { variablesOf } from "./options/unknown-variables.ts";
import type { RunConfig } from "./run/run-config.ts";

export interface Wired {
  readonly worker: Worker;
  readonly ports: WorkerPorts;
  /** What the queues say of themselves, in their order; rejects with a `Fault`. */
  survey(): Promise<readonly QueueSurvey[]>;
}

/** Stands between the worker and a queue, to see what is received. */
export type WatchQueue = (queue: Queue) => Queue;

/** Importing Dagster and a large code location can take minutes. */
const HOST_START_MS = 300_000;
const PRUNE_MS = 3_600_000;
const QUIET_MS = 5_000;
/** How soon a ledger must answer an operator, and how long what an operator claims is held. */
export const OPERATOR_LEASE_MS = 60_000;

const clock = systemClock;
const chance = Math.random;

/** Opens the ledger; the queue and the step host are first used by whoever starts them. Rejects with a `Fault`. */
export async function wireWorker(
  config: RunConfig,
  env: Env,
  observe: Observe,
  bugs: Bugs,
  watch: WatchQueue = (queue) => queue,
): Promise<Wired> {
  const queues = config.queues.map((taken) => ({
    ...taken,
    name: queueText(taken.queue),
    queue: openQueue({ ...config, ...taken }, env, observe),
  }));
  const ports: WorkerPorts = {
    queues: queues.map((taken) => ({ ...taken, queue: watch(taken.queue) })),
    ledger: await openLedger(config.ledger, config.workerId, config.visibilityMs),
    runner: new HostRunner(hostSettings(config, env), { clock, observe, chance, stepOutput: config.stepOutput }),
    clock,
    observe,
    bugs,
    chance,
    ...protectionOf(config, env, observe),
  };
  const worker = new Worker(ports, {
    worker: config.workerId,
    concurrency: config.concurrency,
    leaseMs: config.visibilityMs,
    waitMs: config.waitMs,
    sweepMs: config.sweepMs,
    quietMs: QUIET_MS,
    pruneMs: PRUNE_MS,
    policy: policyOf(config),
    envelopeKeys: config.envelopeKeys,
  });
  return { worker, ports, survey: () => Promise.all(queues.map(({ queue }) => queue.survey())) };
}

/** What an operator's command works with; whoever wired it closes it. */
export interface OperatorPorts {
  readonly queue: Queue;
  /** Null: not to be asked, or a file that is not there. */
  readonly ledger: Ledger | null;
  /** Not started; null: not to be asked. */
  readonly runner: Runner | null;
  readonly clock: Clock;
}

/** No worker: nothing of it takes steps, and its step host imports no code location. Rejects with a `Fault`. */
export async function wireOperator(config: OperatorConfig, env: Env, observe: Observe): Promise<OperatorPorts> {
  const { ledger, dagster } = config;
  // Opening a file makes it: a ledger that nobody has is none.
  const missing = ledger?.kind === "sqlite" && !existsSync(ledger.path);
  if (missing) observe({ event: "ledger.missing", level: "warn", message: `there is no ledger at ${ledger.path}` });
  const settings = dagster === null ? null : lookingHostSettings(dagster, ledger, env);
  return {
    queue: openQueue(config, env, observe),
    ledger: ledger === null || missing ? null : await openLedger(ledger, "operator", OPERATOR_LEASE_MS),
    runner: settings === null ? null : new HostRunner(settings, { clock, observe, chance }),
    clock,
  };
}

/** What `taskiq doctor` asks; whoever wired it closes the queues. Nothing is asked yet. */
export interface Patient {
  readonly queues: readonly { readonly name: string; readonly queue: SqsQueue }[];
  /** Starts the step host of `taskiq run`, hears what it says, and ends it. Rejects with a `Fault`. */
  greet(observe: Observe, withinMs: number): Promise<Greeting>;
}

/** `hearTime` hears the server's time of each answer of SQS. Throws a `Fault` for settings of the environment that make no sense. */
export function wireDoctor(config: RunConfig, env: Env, hearTime: (serverMs: number) => void): Patient {
  const queues = config.queues.map((taken) => ({
    name: queueText(taken.queue),
    queue: openQueue({ ...config, ...taken }, env, () => undefined, hearTime),
  }));
  const greet: Patient["greet"] = (observe, startMs) =>
    greetHost({ ...hostSettings(config, env), startMs, count: true }, { clock, observe });
  return { queues, greet };
}

type QueuePlace = Pick<OperatorConfig, "queue" | "deadLetter" | "region" | "endpointUrl" | "localSqs">;

/** How long a launch may take to be answered: Dagster loads the job's code for it. */
const DAGSTER_ANSWER_MS = 60_000;

/** Loaded when it is needed: nothing else speaks HTTP by itself. Rejects with a `Fault`. */
export async function openDagster({ url, headers, caFile }: DagsterApiChoice): Promise<DagsterApi> {
  const { openDagsterApi } = await import("../core/dagster/api.ts");
  return openDagsterApi(
    { url, headers, ca: caFile === null ? null : readAuthorities("--dagster-ca", caFile), answerMs: DAGSTER_ANSWER_MS },
    clock,
  );
}

/** Nothing checks them, but the SDK sends nothing unsigned. `python/src/dagster_taskiq/sqs_client.py` has the same. */
const PLACEHOLDERS = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

function openQueue(place: QueuePlace, env: Env, observe: Observe, hearTime?: (serverMs: number) => void): SqsQueue {
  const { queue, deadLetter, region, endpointUrl, localSqs } = place;
  const told = hearTime === undefined ? {} : { hearTime };
  const shared = { queue, deadLetter, clock, observe, random: chance, ...told };
  // Neither the environment's credentials nor its proxies are for a server on this machine.
  if (localSqs !== null) return openSqsQueue({ ...shared, ...PLACEHOLDERS, endpoint: localSqs });
  const where = { region: region ?? undefined, endpoint: endpointUrl ?? undefined };
  return openSqsQueue({ ...shared, ...where, ...awsEnvironment(env) });
}

/** Dagster's own variables name code locations, too: nothing of them may be run by whoever only looks. */
function lookingHostSettings(
  { home, python }: NonNullable<OperatorConfig["dagster"]>,
  ledger: LedgerChoice | null,
  env: Env,
) {
  const codeless = without(env, [...variablesOf(locationOptions), ...ownVariables(env, ledger, home)]);
  return { python, locationArgs: [], env: { ...codeless, DAGSTER_HOME: home }, startMs: HOST_START_MS };
}

function protectionOf({ protectMs }: RunConfig, env: Env, observe: Observe): Pick<WorkerPorts, "protection"> {
  if (protectMs === null) return {};
  const uri = env["ECS_AGENT_URI"] ?? "";
  if (uri !== "")
    return { protection: new TaskProtection({ agent: ecsAgent(uri), clock, observe, chance }, protectMs) };
  const message = "--task-protection does nothing here: ECS_AGENT_URI, which ECS sets in its tasks, is not set";
  observe({ event: "protection.missing", level: "warn", message });
  return {};
}

function policyOf({ maxStarts, onExhausted, limits }: RunConfig): Policy {
  return { ...defaultPolicy, maxStarts, onExhausted, limits };
}

function hostSettings(config: RunConfig, env: Env) {
  return {
    python: config.python,
    locationArgs: config.locationArgs,
    env: { ...without(env, ownVariables(env, config.ledger, config.dagsterHome)), DAGSTER_HOME: config.dagsterHome },
    startMs: HOST_START_MS,
  };
}
