// The configuration of `taskiq quiet`. It asks through the ledger and may wait, asks the worker of
// this machine, or lists the requests.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import type { LocalRequest } from "../operator/local-quiet.ts";
import { type LedgerChoice, ledgerAloneOptions, ledgerAloneRules, ledgerChoice } from "../options/ledger-options.ts";
import { onOff, optional, type Values } from "../options/option.ts";
import {
  everythingOption,
  localOptions,
  localProblems,
  whichOptions,
  whichProblems,
  whoOption,
} from "../options/quiet-options.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";
import { duration, text } from "../options/values.ts";

const SECONDS = 1_000;
const DAYS = 86_400_000;

const options = {
  ...whichOptions,
  everything: everythingOption("Every worker of the ledger, and those that start later."),
  ...localOptions,
  why: optional({
    flag: "--why",
    env: [],
    group: "Request",
    help: "The reason, in a sentence. The workers and their logs show it.",
    kind: text("<text>", "1 to 500 printable characters", /^.{1,500}$/u),
  }),
  who: whoOption,
  forMs: optional({
    flag: "--for",
    env: [],
    group: "Request",
    help: "How long the workers stay quiet. After it, they take steps again by themselves.",
    absent: "until taskiq resume",
    kind: duration(10 * SECONDS, 365 * DAYS),
  }),
  wait: onOff({
    flag: "--wait",
    env: [],
    group: "Request",
    help: "Wait until the workers report that they run no step any more.",
  }),
  maxMs: optional({
    flag: "--max-time",
    env: [],
    group: "Request",
    help: "With --wait: longest wait. After it, the exit code is 1, and the workers stay quiet.",
    absent: "as long as it takes",
    kind: duration(SECONDS, 7 * DAYS),
  }),
  list: onOff({
    flag: "--list",
    env: [],
    group: "Output",
    help: "Only list the requests in force and the quiet workers.",
  }),
  json: onOff({
    flag: "--json",
    env: [],
    group: "Output",
    help: "Print one JSON object: that list, or with --local the worker's state.",
  }),
  ...ledgerAloneOptions,
};

type Given = Values<typeof options>;

export type QuietConfig =
  | { readonly do: "local"; readonly request: LocalRequest }
  | { readonly do: "ask"; readonly ledger: LedgerChoice; readonly ask: AskConfig; readonly json: boolean }
  | { readonly do: "list"; readonly ledger: LedgerChoice; readonly json: boolean };

export interface AskConfig extends QuietTarget, Pick<Given, "why" | "who" | "forMs" | "wait" | "maxMs"> {}

export const quietSetup: Setup<typeof options, QuietConfig> = { options, rules, config };

function config(values: Given): QuietConfig {
  const { local, list, json, worker, queue, why, who, forMs, wait, maxMs, stateDir } = values;
  if (local) return { do: "local", request: { do: "quiet", stateDir, worker, who, wait, maxMs, json } };
  const ledger = ledgerChoice(values, values.dagsterHome);
  if (list) return { do: "list", ledger, json };
  return { do: "ask", ledger, ask: { worker, queue, why, who, forMs, wait, maxMs }, json };
}

function rules(settings: Settings<typeof options>): Findings {
  const { worker, queue, everything, list, local, wait, maxMs, why, forMs, who } = settings;
  const unawaited = isGiven(maxMs) && wait.value !== true ? ["--max-time needs --wait"] : [];
  if (local.value === true) {
    return { problems: [...localProblems([queue, everything, list, why, forMs]), ...unawaited], warnings: [] };
  }
  const { problems, warnings } = ledgerAloneRules(settings);
  const asking = [worker, queue, why, forMs, who, wait, everything].filter(
    (one) => isGiven(one) && one.value !== false,
  );
  const flags = asking.map(({ option }) => option.flag).join(", ");
  const isListing = list.value === true;
  const which = whichProblems(settings, {
    none: isListing
      ? null
      : "--worker, --queue, --everything or --local is required: which workers are to be quiet (--list shows which are)",
    both: "--everything means every worker and queue: leave out --worker and --queue",
  });
  return {
    problems: [
      ...problems,
      ...(isListing && flags !== "" ? [`--list only shows requests: leave out ${flags}`] : []),
      ...which,
      ...unawaited,
    ],
    warnings,
  };
}
