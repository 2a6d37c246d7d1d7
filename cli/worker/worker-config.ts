// The configuration of `taskiq run`: the rules between its options, and the plain data that comes
// out.
import { formatDuration } from "../../core/formats/durations.ts";
import type { Level } from "../../core/observe.ts";
import { placeOf } from "../../core/queue/queue-place.ts";
import type { Limits } from "../../core/runner/port.ts";
import { checkAlternatives } from "../options/alternatives.ts";
import { homeRules } from "../options/dagster-options.ts";
import { mayHavePostgres } from "../options/instance-config.ts";
import { isLedgerGiven, type LedgerChoice, ledgerChoice, ledgerRules } from "../options/ledger-options.ts";
import { locationArgs, locationRules } from "../options/location-options.ts";
import type { Machine, Values } from "../options/option.ts";
import { type QueueTaken, queuesTaken, takenRules } from "../options/queue-choice.ts";
import { endpointOf } from "../options/queue-options.ts";
import { isGiven, pick, type Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { limitsOf } from "../options/step-options.ts";
import { workerOptions } from "../options/worker-options.ts";

type Given = Values<typeof workerOptions>;

/** What a worker takes from its options as it was given; the table of options describes each. */
const PLAIN = [
  "envelopeKeys",
  "region",
  "localSqs",
  "leaseMs",
  "waitMs",
  "concurrency",
  "graceMs",
  "maxStarts",
  "onExhausted",
  "sweepMs",
  "workerId",
  "stateDir",
  "dagsterHome",
  "python",
  "stepOutput",
  "metricsJobs",
  "stepsPerProcess",
  "statusPage",
] as const;

export interface WorkerConfig extends Pick<Given, (typeof PLAIN)[number]> {
  /** At least one. */
  readonly queues: readonly QueueTaken[];
  /** `null` means that each queue's URL decides. */
  readonly endpointUrl: string | null;
  /**
   * How long ECS is asked, without a pause in the work, not to stop the task. `null` means never.
   */
  readonly protectMs: number | null;
  readonly limits: Limits;
  /** Whether the step host imports what its steps were seen to import. */
  readonly importsAhead: boolean;
  /** `--worker-id` was not given, so the id of the ECS task may replace it. */
  readonly namesItself: boolean;
  readonly ledger: LedgerChoice;
  /** Dagster's own flags; empty when the first step's run decides. */
  readonly locationArgs: readonly string[];
  /** Port 0 is any free one. */
  readonly health: { readonly host: string; readonly port: number; readonly readyWithinMs: number | null };
  readonly log: { readonly level: Level; readonly format: Given["logFormat"] };
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

// Two machines with a ledger file each would both run a step that is delivered twice, and both
// record it.
function sharedLedgerRules(settings: WorkerSettings): Findings {
  const { endpointUrl, localSqs, allowLocalLedger } = settings;
  // A refused URL is judged as well: it is not a queue on AWS.
  const endpoint = isGiven(localSqs) ? "http://localhost" : endpointOf(settings);
  // A refused endpoint does not say where a queue is, and is reported already.
  const queues = endpointUrl.value === undefined ? [] : queuesTaken(settings);
  const onAws = queues.some(({ queue }) => isAws(endpoint ?? ("url" in queue ? queue.url : null)));
  const isShared = isLedgerGiven(settings) || mayHavePostgres(settings.dagsterHome.value ?? "");
  const fine = !onAws || isShared || allowLocalLedger.value === true;
  const problem =
    "--ledger-url is required with a queue on AWS (env: TASKIQ_LEDGER_URL): the default, a file, is not shared with workers on other machines; " +
    "--allow-local-ledger says that there are none";
  return { problems: fine ? [] : [problem], warnings: [] };
}

/** The endpoint decides. Without one the queue's URL does. With neither, requests go to AWS. */
function isAws(url: string | null): boolean {
  return url === null || !URL.canParse(url) || placeOf(url).aws;
}

function stopRules({ waitMs, graceMs }: WorkerSettings): Findings {
  const [wait, grace] = [waitMs.value, graceMs.value];
  if (wait === undefined || grace === undefined || wait <= grace) return { problems: [], warnings: [] };
  const warning = `--wait-time (${formatDuration(wait)}) is longer than --grace (${formatDuration(grace)}): a stop cuts the last receive, and a standard queue hides the messages of that receive`;
  return { problems: [], warnings: [warning] };
}

function config(values: Given, settings: WorkerSettings): WorkerConfig {
  const queues = queuesTaken(settings);
  if (queues.length === 0) throw new Error("no queue: the rules were not checked");
  return {
    ...pick(values, PLAIN),
    queues,
    endpointUrl: endpointOf(settings),
    protectMs: values.taskProtection ? values.taskProtectionMaxMs : null,
    limits: limitsOf(values),
    importsAhead: values.importAhead === "on",
    namesItself: !isGiven(settings.workerId),
    ledger: ledgerChoice(values, values.dagsterHome),
    locationArgs: locationArgs(values, settings),
    health: { host: values.healthHost, port: values.healthPort, readyWithinMs: values.readyWithinMs },
    log: { level: values.logLevel, format: values.logFormat },
  };
}
