// The configuration of `taskiq dev`.

import { checkAlternatives } from "../options/alternatives.ts";
import { locationArgs, locationRules } from "../options/location-options.ts";
import type { Option, Values } from "../options/option.ts";
import type { QueueTaken } from "../options/queue-choice.ts";
import type { Setting, Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { variablesOf } from "../options/unknown-variables.ts";
import { devOptions, sharedOptions } from "./dev-options.ts";

export interface DevConfig {
  readonly ui: boolean;
  /** `null` means 3000, or a free one. */
  readonly port: number | null;
  /** `null` means `.taskiq` in the working directory. */
  readonly home: string | null;
  /** Names of the queues to make; at least one. */
  readonly queues: readonly string[];
  readonly python: string;
  /** Dagster's own flags; empty when it finds the code itself. */
  readonly locationArgs: readonly string[];
  readonly concurrency: number;
  readonly graceMs: number;
  /** The worker's part of the command line, as `taskiq run` takes it. */
  readonly workerArgs: readonly string[];
}

type DevSettings = Settings<typeof devOptions>;

export const devSetup: Setup<typeof devOptions, DevConfig> = { options: devOptions, rules, config };

/** Variables that reach the worker as they are. */
export const sharedVariables: readonly string[] = variablesOf(sharedOptions);

function rules(settings: DevSettings): Findings {
  const found = [locationRules(settings), checkAlternatives([settings.queueName, settings.queues])];
  return { problems: found.flatMap((one) => one.problems), warnings: found.flatMap((one) => one.warnings) };
}

function config(values: Values<typeof devOptions>, settings: DevSettings): DevConfig {
  const several = checkAlternatives([settings.queueName, settings.queues]).chosen === settings.queues;
  return {
    ui: !values.noUi,
    port: values.port,
    home: values.dagsterHome,
    queues: several ? values.queues.map(nameOf) : [values.queueName],
    python: values.python,
    locationArgs: locationArgs(values, settings),
    concurrency: values.concurrency,
    graceMs: values.graceMs,
    workerArgs: [
      ...(several ? settings.queues.texts.flatMap((text) => ["--queue", text]) : ["--queue-name", values.queueName]),
      ...Object.values<Setting>(settings).filter(isShared).flatMap(given),
    ],
  };
}

function isShared({ option }: Setting): boolean {
  return Object.values<Option<unknown>>(sharedOptions).some(({ flag }) => flag === option.flag);
}

/** The local server goes by the last part of a URL. */
function nameOf({ queue }: QueueTaken): string {
  return "url" in queue ? (new URL(queue.url).pathname.split("/").at(-1) ?? "") : queue.name;
}

/**
 * What came from a variable comes from it again; the defaults here are not all those of `taskiq
 * run`.
 */
function given({ option, origin, texts }: Setting): readonly string[] {
  const counts = origin.from === "flag" || origin.from === "default";
  return counts ? texts.flatMap((text) => [option.flag, text]) : [];
}
