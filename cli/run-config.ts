// The configuration of `taskiq run`: the rules between its options, and the plain data that comes out.
import { formatDuration } from "../core/durations.ts";
import type { Level } from "../core/observe.ts";
import type { Limits } from "../core/runner/port.ts";
import { checkAlternatives } from "./alternatives.ts";
import { isAws } from "./aws-hosts.ts";
import type { Findings, Setup } from "./command.ts";
import { isLedgerGiven, type LedgerChoice, ledgerChoice, ledgerRules } from "./ledger-options.ts";
import { locationArgs, locationRules } from "./location-options.ts";
import type { Machine, Values } from "./option.ts";
import { isGiven, refusal, type Settings } from "./resolve.ts";
import { runOptions } from "./run-options.ts";

/** A queue by URL or by name. */
export type QueueChoice = { readonly url: string } | { readonly name: string };

export interface RunConfig {
  readonly queue: QueueChoice;
  /** Null: the queue's redrive policy names it. */
  readonly deadLetter: QueueChoice | null;
  /** Null: from the queue's URL, or from wherever the AWS SDK looks. */
  readonly region: string | null;
  readonly endpointUrl: string | null;
  readonly visibilityMs: number;
  readonly waitMs: number;
  readonly concurrency: number;
  readonly graceMs: number;
  readonly maxStarts: number;
  readonly onExhausted: "report" | "park";
  /** Null: the dead letter queue is not looked through. */
  readonly sweepMs: number | null;
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
  readonly health: { readonly host: string; readonly port: number };
  readonly log: { readonly level: Level; readonly format: "auto" | "text" | "json" };
}

type RunSettings = Settings<typeof runOptions>;

export const runSetup: Setup<typeof runOptions, RunConfig> = { options: runOptions, rules, config };

function rules(settings: RunSettings, machine: Machine): Findings {
  const found = [
    queueRules(settings),
    checkAlternatives([settings.dlqUrl, settings.dlqName]),
    homeRules(settings, machine),
    locationRules(settings),
    ledgerRules(settings),
    sharedLedgerRules(settings),
    stopRules(settings),
  ];
  return { problems: found.flatMap((one) => one.problems), warnings: found.flatMap((one) => one.warnings) };
}

/** The part of the settings that says which queue. */
export type QueueSettings = Pick<RunSettings, "queueUrl" | "queueName" | "dlqUrl" | "dlqName">;

export function queueRules({ queueUrl, queueName }: QueueSettings): Findings {
  if (isGiven(queueUrl) || isGiven(queueName)) return checkAlternatives([queueUrl, queueName]);
  const missing =
    "--queue-url or --queue-name is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME): the queue that steps come from";
  return { problems: [missing], warnings: [] };
}

export function homeRules({ dagsterHome }: Pick<RunSettings, "dagsterHome">, machine: Machine): Findings {
  const path = dagsterHome.value;
  if (typeof path !== "string" || machine.isDirectory(path)) return { problems: [], warnings: [] };
  return { problems: [refusal(dagsterHome.option, path, dagsterHome.origin, "an existing directory")], warnings: [] };
}

// Two machines with a ledger file each would both run a step that is delivered twice, and both record it.
function sharedLedgerRules(settings: RunSettings): Findings {
  const { queueUrl, queueName, endpointUrl, allowLocalLedger } = settings;
  const { chosen } = checkAlternatives([queueUrl, queueName]);
  // A URL that was refused says nothing about where the queue is; that it was refused is told already.
  const unknown = chosen === null || [chosen, endpointUrl].some((setting) => setting.value === undefined);
  const onAws = !unknown && isAws(urlOf(endpointUrl), chosen === queueUrl ? urlOf(queueUrl) : null);
  const fine = !onAws || isLedgerGiven(settings) || allowLocalLedger.value === true;
  const problem =
    "--ledger-url is required with a queue on AWS (env: TASKIQ_LEDGER_URL): the default, a file, is not shared with workers on other machines; " +
    "--allow-local-ledger says that there are none";
  return { problems: fine ? [] : [problem], warnings: [] };
}

function stopRules({ waitMs, graceMs }: RunSettings): Findings {
  const [wait, grace] = [waitMs.value, graceMs.value];
  if (typeof wait !== "number" || typeof grace !== "number" || wait <= grace) return { problems: [], warnings: [] };
  const warning = `--wait-time (${formatDuration(wait)}) is longer than --grace (${formatDuration(grace)}): stopping waits for the last receive`;
  return { problems: [], warnings: [warning] };
}

function urlOf(setting: RunSettings["queueUrl"]): string | null {
  return typeof setting.value === "string" ? setting.value : null;
}

function config(values: Values<typeof runOptions>, settings: RunSettings): RunConfig {
  const queue = chooseQueue(settings.queueUrl, settings.queueName);
  if (queue === null) throw new Error("no queue: the rules were not checked");
  return {
    queue,
    deadLetter: chooseQueue(settings.dlqUrl, settings.dlqName),
    region: values.region,
    endpointUrl: values.endpointUrl,
    visibilityMs: values.visibilityMs,
    waitMs: values.waitMs,
    concurrency: values.concurrency,
    graceMs: values.graceMs,
    maxStarts: values.maxStarts,
    onExhausted: values.onExhausted,
    sweepMs: values.sweepMs,
    limits: {
      timeoutMs: values.stepTimeoutMs,
      silenceMs: values.silenceMs,
      graceMs: values.killGraceMs,
      memoryBytes: values.stepMemoryBytes,
      processes: values.stepProcesses,
      outputBytes: values.maxOutputBytes,
    },
    workerId: values.workerId,
    namesItself: !isGiven(settings.workerId),
    stateDir: values.stateDir,
    ledger: ledgerChoice(values, values.dagsterHome),
    dagsterHome: values.dagsterHome,
    python: values.python,
    locationArgs: locationArgs(values, settings),
    health: { host: values.healthHost, port: values.healthPort },
    log: { level: values.logLevel, format: values.logFormat },
  };
}

export function chooseQueue(url: RunSettings["queueUrl"], name: RunSettings["queueUrl"]): QueueChoice | null {
  const { chosen } = checkAlternatives([url, name]);
  if (chosen === null) return null;
  const value = String(chosen.value);
  return chosen === url ? { url: value } : { name: value };
}
