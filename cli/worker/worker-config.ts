// The configuration of `taskiq run`: the rules between its options, and the plain data that comes out.
import { formatDuration } from "../../core/formats/durations.ts";
import type { Level } from "../../core/observe.ts";
import { placeOf } from "../../core/queue/queue-place.ts";
import type { Limits, StepOutput } from "../../core/runner/port.ts";
import { checkAlternatives } from "../options/alternatives.ts";
import { homeRules } from "../options/dagster-options.ts";
import { isLedgerGiven, type LedgerChoice, ledgerChoice, ledgerRules } from "../options/ledger-options.ts";
import { locationArgs, locationRules } from "../options/location-options.ts";
import type { Machine, Values } from "../options/option.ts";
import { type QueueTaken, queuesTaken, takenRules } from "../options/queue-choice.ts";
import { endpointOf } from "../options/queue-options.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { workerOptions } from "../options/worker-options.ts";

export interface WorkerConfig {
  /** At least one. */
  readonly queues: readonly QueueTaken[];
  /** Of which one must have signed each message; empty: none has to be signed. */
  readonly envelopeKeys: readonly string[];
  /** Null: from the queue's URL, or from wherever the AWS SDK looks. */
  readonly region: string | null;
  readonly endpointUrl: string | null;
  /** The SQS server of `taskiq dev`, which every request goes to. `null` means that there is none. */
  readonly localSqs: string | null;
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly concurrency: number;
  readonly graceMs: number;
  readonly maxStarts: number;
  readonly onExhausted: "report" | "park";
  /** Null: the dead letter queue is not looked through. */
  readonly sweepMs: number | null;
  /** How long ECS is asked, without a pause in the work, not to stop the task; null: it is not asked. */
  readonly protectMs: number | null;
  readonly limits: Limits;
  readonly workerId: string;
  /** Nobody said --worker-id: a better name may be found. */
  readonly namesItself: boolean;
  /** Of the control endpoint's file; absolute. */
  readonly stateDir: string;
  readonly ledger: LedgerChoice;
  /** Absolute. */
  readonly dagsterHome: string;
  readonly python: string;
  /** Dagster's own flags; empty when the first step's run decides. */
  readonly locationArgs: readonly string[];
  /** Port 0 is any free one. */
  readonly health: { readonly host: string; readonly port: number; readonly readyWithinMs: number | null };
  readonly stepOutput: StepOutput;
  readonly log: { readonly level: Level; readonly format: "auto" | "text" | "json" };
}

type WorkerSettings = Settings<typeof workerOptions>;

export const workerSetup: Setup<typeof workerOptions, WorkerConfig> = { options: workerOptions, rules, config };

function rules(settings: WorkerSettings, machine: Machine): Findings {
  const found = [
    takenRules(settings),
    checkAlternatives([settings.dlqUrl, settings.dlqName]),
    homeRules(settings, machine),
    locationRules(settings),
    ledgerRules(settings),
    sharedLedgerRules(settings),
    stopRules(settings),
  ];
  return { problems: found.flatMap((one) => one.problems), warnings: found.flatMap((one) => one.warnings) };
}

// Two machines with a ledger file each would both run a step that is delivered twice, and both record it.
function sharedLedgerRules(settings: WorkerSettings): Findings {
  const { endpointUrl, localSqs, allowLocalLedger } = settings;
  // The rules judge a refused URL as well: it is no queue on AWS.
  const endpoint = isGiven(localSqs) ? "http://localhost" : endpointOf(settings);
  // What was refused says nothing about where a queue is; that it was refused is told already.
  const queues = endpointUrl.value === undefined ? [] : queuesTaken(settings);
  const onAws = queues.some(({ queue }) => isAws(endpoint ?? ("url" in queue ? queue.url : null)));
  const fine = !onAws || isLedgerGiven(settings) || allowLocalLedger.value === true;
  const problem =
    "--ledger-url is required with a queue on AWS (env: TASKIQ_LEDGER_URL): the default, a file, is not shared with workers on other machines; " +
    "--allow-local-ledger says that there are none";
  return { problems: fine ? [] : [problem], warnings: [] };
}

/** The endpoint decides; without one the queue's URL does; with neither, requests go to AWS. */
function isAws(url: string | null): boolean {
  return url === null || !URL.canParse(url) || placeOf(url).aws;
}

function stopRules({ waitMs, graceMs }: WorkerSettings): Findings {
  const [wait, grace] = [waitMs.value, graceMs.value];
  if (typeof wait !== "number" || typeof grace !== "number" || wait <= grace) return { problems: [], warnings: [] };
  const warning = `--wait-time (${formatDuration(wait)}) is longer than --grace (${formatDuration(grace)}): a stop cuts the last receive, and a standard queue hides what it hands to that`;
  return { problems: [], warnings: [warning] };
}

function config(values: Values<typeof workerOptions>, settings: WorkerSettings): WorkerConfig {
  const queues = queuesTaken(settings);
  if (queues.length === 0) throw new Error("no queue: the rules were not checked");
  return {
    queues,
    envelopeKeys: values.envelopeKey,
    region: values.region,
    endpointUrl: endpointOf(settings),
    localSqs: values.localSqs,
    leaseMs: values.leaseMs,
    waitMs: values.waitMs,
    concurrency: values.concurrency,
    graceMs: values.graceMs,
    maxStarts: values.maxStarts,
    onExhausted: values.onExhausted,
    sweepMs: values.sweepMs,
    protectMs: values.taskProtection ? values.taskProtectionMaxMs : null,
    limits: {
      timeoutMs: values.stepTimeoutMs,
      silenceMs: values.silenceMs,
      graceMs: values.killGraceMs,
      memoryBytes: values.stepMemoryBytes,
      processes: values.stepProcesses,
      outputBytes: values.maxOutputBytes,
      afterEndMs: values.afterEndMs,
    },
    workerId: values.workerId,
    namesItself: !isGiven(settings.workerId),
    stateDir: values.stateDir,
    ledger: ledgerChoice(values, values.dagsterHome),
    dagsterHome: values.dagsterHome,
    python: values.python,
    locationArgs: locationArgs(values, settings),
    health: { host: values.healthHost, port: values.healthPort, readyWithinMs: values.readyWithinMs },
    stepOutput: values.stepOutput,
    log: { level: values.logLevel, format: values.logFormat },
  };
}
