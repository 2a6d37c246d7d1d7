// The configuration of `taskiq quiet`: ask, and wait or not; or list who is asked.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import type { Findings, Setup } from "../command.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";
import { onOff, optional, type Values } from "../options/option.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import { duration, text } from "../options/values.ts";
import {
  everythingOption,
  requestLedger,
  requestLedgerOptions,
  requestRules,
  whichOptions,
  whoOption,
} from "./quiet-options.ts";

const seconds = 1_000;
const days = 86_400_000;

const options = {
  ...whichOptions,
  everything: everythingOption("Every worker of the ledger, and those that start later."),
  why: optional({
    flag: "--why",
    env: [],
    group: "Request",
    help: "Why, in a sentence: shown by the workers and in their logs.",
    kind: text("<text>", "1 to 500 printable characters", /^.{1,500}$/u),
  }),
  who: whoOption,
  forMs: optional({
    flag: "--for",
    env: [],
    group: "Request",
    help: "How long; then they take steps again by themselves.",
    absent: "until taskiq resume",
    kind: duration(10 * seconds, 365 * days),
  }),
  wait: onOff({
    flag: "--wait",
    env: [],
    group: "Request",
    help: "Until the workers have said that they do nothing any more.",
  }),
  maxTimeMs: optional({
    flag: "--max-time",
    env: [],
    group: "Request",
    help: "With --wait: how long at most; then the exit code is 1, and they stay quiet.",
    absent: "as long as it takes",
    kind: duration(seconds, 7 * days),
  }),
  list: onOff({
    flag: "--list",
    env: [],
    group: "Output",
    help: "Ask nothing: list the requests in force, and the workers that are quiet.",
  }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print one JSON object: that list." }),
  ...requestLedgerOptions,
};

export interface QuietConfig {
  readonly ledger: LedgerChoice;
  /** Null: only the list. */
  readonly ask: AskConfig | null;
  readonly json: boolean;
}

export interface AskConfig extends QuietTarget {
  readonly why: string | null;
  /** Null: the user of this machine. */
  readonly who: string | null;
  readonly forMs: number | null;
  readonly wait: boolean;
  readonly maxMs: number | null;
}

export const quietSetup: Setup<typeof options, QuietConfig> = {
  options,
  rules,
  config: (values) => ({
    ledger: requestLedger(values),
    ask: values.list ? null : askOf(values),
    json: values.json,
  }),
};

function rules(settings: Settings<typeof options>): Findings {
  const { worker, queue, everything, list, wait, maxTimeMs, why, forMs, who } = settings;
  const found = requestRules(settings);
  const targets = [worker, queue].filter(isGiven);
  const asking = [...targets, why, forMs, who, wait, everything].filter((one) => isGiven(one) && one.value !== false);
  const isListing = list.value === true;
  const problems: readonly (readonly [boolean, string])[] = [
    [
      isListing && asking.length > 0,
      `--list asks nothing: leave out ${asking.map(({ option }) => option.flag).join(", ")}`,
    ],
    [
      !isListing && targets.length === 0 && everything.value !== true,
      "--worker, --queue or --everything is required: which workers are to be quiet (--list shows which are)",
    ],
    [
      targets.length > 0 && everything.value === true,
      "--everything means every worker and queue: leave out --worker and --queue",
    ],
    [isGiven(maxTimeMs) && wait.value !== true, "--max-time goes with --wait"],
  ];
  return {
    problems: [...found.problems, ...problems.filter(([wrong]) => wrong).map(([, says]) => says)],
    warnings: found.warnings,
  };
}

function askOf({ worker, queue, why, who, forMs, wait, maxTimeMs: maxMs }: Values<typeof options>): AskConfig {
  return { worker, queue, why, who, forMs, wait, maxMs };
}
