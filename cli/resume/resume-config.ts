// The configuration of `taskiq resume`.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import type { LocalRequest } from "../operator/local-quiet.ts";
import { type LedgerChoice, ledgerAloneOptions, ledgerAloneRules, ledgerChoice } from "../options/ledger-options.ts";
import { onOff, type Values } from "../options/option.ts";
import {
  everythingOption,
  localOptions,
  localProblems,
  whichOptions,
  whichProblems,
  whoOption,
} from "../options/quiet-options.ts";
import type { Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";

const options = {
  ...whichOptions,
  everything: everythingOption("Lift every request in force, whatever it names."),
  ...localOptions,
  who: whoOption,
  json: onOff({
    flag: "--json",
    env: [],
    group: "Output",
    help: "With --local: the worker's state as JSON on stdout.",
  }),
  ...ledgerAloneOptions,
};

export type ResumeConfig =
  | { readonly do: "local"; readonly request: LocalRequest }
  | {
      readonly do: "lift";
      readonly ledger: LedgerChoice;
      /** `null` means every request. */
      readonly target: QuietTarget | null;
      /** `null` means the user of this machine. */
      readonly who: string | null;
    };

export const resumeSetup: Setup<typeof options, ResumeConfig> = { options, rules, config };

function config(values: Values<typeof options>): ResumeConfig {
  const { worker, queue, everything, local, stateDir, who, json, dagsterHome } = values;
  if (local) return { do: "local", request: { do: "resume", stateDir, worker, who, wait: false, maxMs: null, json } };
  const target = everything ? null : { worker, queue };
  return { do: "lift", ledger: ledgerChoice(values, dagsterHome), target, who };
}

function rules(settings: Settings<typeof options>): Findings {
  const { local, queue, everything, json } = settings;
  if (local.value === true) return { problems: localProblems([queue, everything]), warnings: [] };
  const { problems, warnings } = ledgerAloneRules(settings);
  const which = whichProblems(settings, {
    none: "--worker, --queue, --everything or --local is required: which request is to be lifted (taskiq quiet --list shows them)",
    both: "--everything lifts every request: leave out --worker and --queue",
  });
  const alone = json.value === true ? ["--json needs --local"] : [];
  return { problems: [...problems, ...which, ...alone], warnings };
}
