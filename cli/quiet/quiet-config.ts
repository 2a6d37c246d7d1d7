// The configuration of `taskiq quiet`: ask, and wait or not; or list who is asked.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import { type LedgerChoice, ledgerAloneOptions, ledgerAloneRules, ledgerChoice } from "../options/ledger-options.ts";
import { onOff, optional, type Values } from "../options/option.ts";
import { everythingOption, whichOptions, whichProblems, whoOption } from "../options/quiet-options.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { duration, text } from "../options/values.ts";

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
  ...ledgerAloneOptions,
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
    ledger: ledgerChoice(values, values.dagsterHome),
    ask: values.list ? null : askOf(values),
    json: values.json,
  }),
};

function rules(settings: Settings<typeof options>): Findings {
  const { worker, queue, everything, list, wait, maxTimeMs, why, forMs, who } = settings;
  const { problems, warnings } = ledgerAloneRules(settings);
  const asking = [worker, queue, why, forMs, who, wait, everything].filter(
    (one) => isGiven(one) && one.value !== false,
  );
  const flags = asking.map(({ option }) => option.flag).join(", ");
  const isListing = list.value === true;
  const which = whichProblems(settings, {
    none: isListing
      ? null
      : "--worker, --queue or --everything is required: which workers are to be quiet (--list shows which are)",
    both: "--everything means every worker and queue: leave out --worker and --queue",
  });
  return {
    problems: [
      ...problems,
      ...(isListing && flags !== "" ? [`--list asks nothing: leave out ${flags}`] : []),
      ...which,
      ...(isGiven(maxTimeMs) && wait.value !== true ? ["--max-time goes with --wait"] : []),
    ],
    warnings,
  };
}

function askOf({ worker, queue, why, who, forMs, wait, maxTimeMs: maxMs }: Values<typeof options>): AskConfig {
  return { worker, queue, why, who, forMs, wait, maxMs };
}
