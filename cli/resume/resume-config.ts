// The configuration of `taskiq resume`.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import { type LedgerChoice, ledgerAloneOptions, ledgerAloneRules, ledgerChoice } from "../options/ledger-options.ts";
import { everythingOption, whichOptions, whichProblems, whoOption } from "../options/quiet-options.ts";
import type { Settings } from "../options/resolve.ts";
import type { Findings, Setup } from "../options/setup.ts";

const options = {
  ...whichOptions,
  everything: everythingOption("Lift every request in force, whatever it names."),
  who: whoOption,
  ...ledgerAloneOptions,
};

export interface ResumeConfig {
  readonly ledger: LedgerChoice;
  /** Null: every request. */
  readonly target: QuietTarget | null;
  /** Null: the user of this machine. */
  readonly who: string | null;
}

export const resumeSetup: Setup<typeof options, ResumeConfig> = {
  options,
  rules,
  config: ({ worker, queue, everything, who, ...rest }) => ({
    ledger: ledgerChoice(rest, rest.dagsterHome),
    target: everything ? null : { worker, queue },
    who,
  }),
};

function rules(settings: Settings<typeof options>): Findings {
  const { problems, warnings } = ledgerAloneRules(settings);
  const which = whichProblems(settings, {
    none: "--worker, --queue or --everything is required: which request is to be lifted (taskiq quiet --list shows them)",
    both: "--everything lifts every request: leave out --worker and --queue",
  });
  return { problems: [...problems, ...which], warnings };
}
