// What an operator's command needs to reach: the queue, the ledger, and Dagster; the last two only if they are to be asked.
import type { Findings } from "../command.ts";
import { checkAlternatives } from "../options/alternatives.ts";
import { envelopeKey } from "../options/envelope-key.ts";
import {
  isLedgerGiven,
  type LedgerChoice,
  ledgerChoice,
  ledgerOptions,
  ledgerRules,
} from "../options/ledger-options.ts";
import { type Machine, onOff, optional, type Values } from "../options/option.ts";
import { chooseQueue, type QueueChoice, queueRules } from "../options/queue-choice.ts";
import { endpointOf, queueOptions } from "../options/queue-options.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import { homeRules } from "../run/run-config.ts";
import { dagsterHome, dagsterOptions } from "../run/run-options.ts";

export const operatorOptions = {
  ...queueOptions,
  envelopeKey,
  ...ledgerOptions,
  noLedger: onOff({ flag: "--no-ledger", env: [], group: "Ledger", help: "Do not ask the ledger." }),
  dagsterHome: optional({ ...dagsterHome, absent: "Dagster is not asked" }),
  python: dagsterOptions.python,
  noDagster: onOff({
    flag: "--no-dagster",
    env: [],
    group: "Dagster",
    help: "Do not ask Dagster, which takes seconds to start: what only it knows is unknown then.",
  }),
};

export interface OperatorConfig {
  readonly queue: QueueChoice;
  /** Null: the queue's redrive policy names it. */
  readonly deadLetter: QueueChoice | null;
  /** Of which one must have signed a letter; empty: not known. */
  readonly envelopeKeys: readonly string[];
  readonly region: string | null;
  readonly endpointUrl: string | null;
  /** The SQS server of `taskiq dev`. `null` means that there is none. */
  readonly localSqs: string | null;
  /** Null: not asked. */
  readonly ledger: LedgerChoice | null;
  /** Null: not asked. */
  readonly dagster: { readonly home: string; readonly python: string } | null;
}

type OperatorSettings = Settings<typeof operatorOptions>;

export function operatorRules(settings: OperatorSettings, machine: Machine): Findings {
  const found = [
    queueRules(settings),
    checkAlternatives([settings.dlqUrl, settings.dlqName]),
    homeRules(settings, machine),
    ...(settings.noLedger.value === true ? [] : [ledgerRules(settings), ledgerPlaceRules(settings)]),
  ];
  return { problems: found.flatMap((one) => one.problems), warnings: found.flatMap((one) => one.warnings) };
}

function ledgerPlaceRules(settings: OperatorSettings): Findings {
  const known = isLedgerGiven(settings) || isGiven(settings.dagsterHome);
  const missing =
    "--ledger-url, --postgres-host or --dagster-home is required: nothing says where the ledger is; --no-ledger does without";
  return { problems: known ? [] : [missing], warnings: [] };
}

export function operatorConfig(values: Values<typeof operatorOptions>, settings: OperatorSettings): OperatorConfig {
  const queue = chooseQueue(settings.queueUrl, settings.queueName);
  if (queue === null) throw new Error("no queue: the rules were not checked");
  const { dagsterHome: home, python } = values;
  return {
    queue,
    deadLetter: chooseQueue(settings.dlqUrl, settings.dlqName),
    envelopeKeys: values.envelopeKey,
    region: values.region,
    endpointUrl: endpointOf(settings),
    localSqs: values.localSqs,
    ledger: values.noLedger ? null : ledgerChoice(values, home),
    dagster: values.noDagster || home === null ? null : { home, python },
  };
}
