// What an operator's command needs to reach the queue, the ledger and Dagster.
import { dagsterHome, dagsterOptions } from "./dagster-options.ts";
import { envelopeKeys } from "./envelope-key.ts";
import { ledgerOptions } from "./ledger-options.ts";
import { onOff, optional } from "./option.ts";
import { queueOptions } from "./queue-options.ts";

export const reachOptions = {
  ...queueOptions,
  envelopeKeys,
  ...ledgerOptions,
  dagsterHome: optional({ ...dagsterHome, absent: "Dagster is not asked" }),
  python: dagsterOptions.python,
};

export const noLedger = onOff({ flag: "--no-ledger", env: [], group: "Ledger", help: "Do not ask the ledger." });

export const noDagster = onOff({
  flag: "--no-dagster",
  env: [],
  group: "Dagster",
  help: "Do not ask Dagster, which takes seconds to start. Facts that only Dagster knows are then unknown.",
});
