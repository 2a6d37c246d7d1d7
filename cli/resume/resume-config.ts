// The configuration of `taskiq resume`.
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import type { Findings, Setup } from "../command.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import {
  everythingOption,
  requestLedger,
  requestLedgerOptions,
  requestRules,
  whichOptions,
  whoOption,
} from "../quiet/quiet-options.ts";

const options = {
  ...whichOptions,
  everything: everythingOption("Lift every request in force, whatever it names."),
  who: whoOption,
  ...requestLedgerOptions,
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
    ledger: requestLedger(rest),
    target: everything ? null : { worker, queue },
    who,
  }),
};

function rules(settings: Settings<typeof options>): Findings {
  const { worker, queue, everything } = settings;
  const found = requestRules(settings);
  const targets = [worker, queue].filter(isGiven);
  const problems = [
    ...(targets.length === 0 && everything.value !== true
      ? [
          "--worker, --queue or --everything is required: which request is to be lifted (taskiq quiet --list shows them)",
        ]
      : []),
    ...(targets.length > 0 && everything.value === true
      ? ["--everything lifts every request: leave out --worker and --queue"]
      : []),
  ];
  return { problems: [...found.problems, ...problems], warnings: found.warnings };
}
