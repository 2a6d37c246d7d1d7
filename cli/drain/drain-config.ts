// The configuration of `taskiq drain`: that of `run` and when to end, or which local worker is to be quiet.

import type { QuietRequest } from "../operator/quiet-here.ts";
import { dagsterHome } from "../options/dagster-options.ts";
import { type Machine, onOff, optional, setting, type Values } from "../options/option.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { duration } from "../options/values.ts";
import { workerOptions } from "../options/worker-options.ts";
import { type WorkerConfig, workerSetup } from "../worker/worker-config.ts";

const group = "Drain";
const seconds = 1_000;
const days = 86_400_000;

export const drainOptions = {
  maxTimeMs: optional({
    flag: "--max-time",
    env: ["TASKIQ_DRAIN_MAX_TIME"],
    group,
    help: "How long to go on, or to wait, at most; then running steps have --grace, and the exit code is 1.",
    absent: "as long as it takes",
    kind: duration(seconds, 7 * days),
  }),
  settleMs: setting({
    flag: "--settle",
    env: ["TASKIQ_DRAIN_SETTLE"],
    group,
    help: "How long the queue has to look empty. SQS's counts are approximate and settle within a minute: less than that proves less.",
    kind: duration(seconds, 3_600 * seconds),
    fallback: "60s",
  }),
  json: onOff({ flag: "--json", env: [], group, help: "The summary, or the worker's state, as JSON on stdout." }),
  quietOnly: onOff({
    flag: "--quiet-only",
    env: [],
    group,
    help: "Work nothing: have the worker on this machine take no new steps. What it runs goes on. From elsewhere: taskiq quiet.",
  }),
  wait: onOff({ flag: "--wait", env: [], group, help: "With --quiet-only: until that worker does nothing any more." }),
  resume: onOff({ flag: "--resume", env: [], group, help: "Undo --quiet-only." }),
  ...workerOptions,
  dagsterHome: optional({ ...dagsterHome, absent: "required, unless with --quiet-only or --resume" }),
};

export interface DrainWork {
  readonly do: "drain";
  readonly run: WorkerConfig;
  readonly settleMs: number;
  /** Null: as long as it takes. */
  readonly maxMs: number | null;
  readonly json: boolean;
}

export type DrainConfig = DrainWork | QuietRequest;

type DrainSettings = Settings<typeof drainOptions>;

export const drainSetup: Setup<typeof drainOptions, DrainConfig> = { options: drainOptions, rules, config };

function rules(settings: DrainSettings, machine: Machine): Findings {
  const { quietOnly, resume, wait } = settings;
  if (isOn(quietOnly) || isOn(resume)) {
    const both = isOn(quietOnly) && isOn(resume) ? ["--resume undoes --quiet-only: give one of them"] : [];
    const idle = isOn(wait) && !isOn(quietOnly) ? ["--wait goes with --quiet-only"] : [];
    return { problems: [...both, ...idle], warnings: [] };
  }
  const found = workerSetup.rules(settings, machine);
  const missing = isGiven(settings.dagsterHome)
    ? []
    : ["--dagster-home is required (env: DAGSTER_HOME): directory of dagster.yaml"];
  const polls =
    settings.waitMs.value === 0
      ? ["--wait-time must be longer than 0s: only a long poll asks all of the queue, and nothing else proves it empty"]
      : [];
  const waits = isOn(wait) ? ["--wait goes with --quiet-only"] : [];
  return { problems: [...found.problems, ...missing, ...polls, ...waits], warnings: found.warnings };
}

function config(values: Values<typeof drainOptions>, settings: DrainSettings): DrainConfig {
  const { maxTimeMs: maxMs, settleMs, json, quietOnly, resume, wait, stateDir, workerId, dagsterHome: home } = values;
  if (quietOnly || resume) {
    const worker = isGiven(settings.workerId) ? workerId : null;
    return { do: quietOnly ? "quiet" : "resume", stateDir, worker, wait, maxMs, json };
  }
  if (home === null) throw new Error("no DAGSTER_HOME: the rules were not checked");
  return { do: "drain", run: workerSetup.config({ ...values, dagsterHome: home }, settings), settleMs, maxMs, json };
}

function isOn({ value }: DrainSettings["wait"]): boolean {
  return value === true;
}
