// The configuration of `taskiq drain`: that of a worker, and when to end.

import type { Machine } from "../options/option.ts";
import { onOff, optional, setting, type Values } from "../options/option.ts";
import type { Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { duration } from "../options/values.ts";
import { workerOptions } from "../options/worker-options.ts";
import { type WorkerConfig, workerSetup } from "../worker/worker-config.ts";

const GROUP = "Drain";
const SECONDS = 1_000;
const DAYS = 86_400_000;

const options = {
  maxMs: optional({
    flag: "--max-time",
    env: ["TASKIQ_DRAIN_MAX_TIME"],
    group: GROUP,
    help: "Longest time to drain. After it, running steps get --grace, and the exit code is 1.",
    absent: "as long as it takes",
    kind: duration(SECONDS, 7 * DAYS),
  }),
  settleMs: setting({
    flag: "--settle",
    env: ["TASKIQ_DRAIN_SETTLE"],
    group: GROUP,
    help: "How long the queue must look empty. SQS's counts are approximate and settle within a minute, so a shorter time proves less.",
    kind: duration(SECONDS, 3_600 * SECONDS),
    fallback: "60s",
  }),
  json: onOff({ flag: "--json", env: [], group: GROUP, help: "The summary as JSON on stdout." }),
  ...workerOptions,
};

type Given = Values<typeof options>;

export interface DrainConfig extends Pick<Given, "settleMs" | "maxMs" | "json"> {
  readonly worker: WorkerConfig;
}

export const drainSetup: Setup<typeof options, DrainConfig> = {
  options,
  rules,
  config: (values, settings) => {
    const { settleMs, maxMs, json } = values;
    return { worker: workerSetup.config(values, settings), settleMs, maxMs, json };
  },
};

function rules(settings: Settings<typeof options>, machine: Machine): Findings {
  const { problems, warnings } = workerSetup.rules(settings, machine);
  const polls =
    settings.waitMs.value === 0
      ? ["--wait-time must be longer than 0s: only a long poll asks all of the queue, and nothing else proves it empty"]
      : [];
  return { problems: [...problems, ...polls], warnings };
}
