// What an operator's command asks: the queue, and the ledger and Dagster if they are to be asked.
import { checkAlternatives } from "../options/alternatives.ts";
import { homeRules } from "../options/dagster-options.ts";
import { isLedgerPlaced, type LedgerChoice, ledgerChoice, ledgerRules } from "../options/ledger-options.ts";
import type { reachOptions } from "../options/operator-options.ts";
import type { Machine, Values } from "../options/option.ts";
import { chooseQueue, queueRules } from "../options/queue-choice.ts";
import { endpointOf } from "../options/queue-options.ts";
import type { Setting, Settings } from "../options/resolve.ts";
import type { Findings } from "../options/setup.ts";
import type { QueuePlace } from "../wiring/queue.ts";

export interface OperatorConfig extends QueuePlace {
  /** The keys, one of which must have signed a letter. Empty means unknown. */
  readonly envelopeKeys: readonly string[];
  /** Null: not asked. */
  readonly ledger: LedgerChoice | null;
  /** Null: not asked. */
  readonly dagster: { readonly dagsterHome: string; readonly python: string } | null;
}

interface Left {
  readonly noLedger?: Setting<boolean>;
  readonly noDagster?: Setting<boolean>;
}

type OperatorSettings = Settings<typeof reachOptions> & Left;

export function operatorRules(settings: OperatorSettings, machine: Machine): Findings {
  const found = [
    queueRules(settings),
    checkAlternatives([settings.dlqUrl, settings.dlqName]),
    homeRules(settings, machine),
    ...(settings.noLedger?.value === true ? [] : [ledgerRules(settings), ledgerPlaceRules(settings)]),
  ];
  return { problems: found.flatMap((one) => one.problems), warnings: found.flatMap((one) => one.warnings) };
}

function ledgerPlaceRules(settings: OperatorSettings): Findings {
  const without = settings.noLedger === undefined ? "" : "; --no-ledger leaves the ledger out";
  const missing = `--ledger-url, --postgres-host or --dagster-home is required: nothing says where the ledger is${without}`;
  return { problems: isLedgerPlaced(settings) ? [] : [missing], warnings: [] };
}

type OperatorValues = Values<typeof reachOptions> & { readonly noLedger?: boolean; readonly noDagster?: boolean };

export function operatorConfig(values: OperatorValues, settings: OperatorSettings): OperatorConfig {
  const queue = chooseQueue(settings.queueUrl, settings.queueName);
  if (queue === null) throw new Error("no queue: the rules were not checked");
  const { dagsterHome, python, noLedger, noDagster, envelopeKeys, region, localSqs } = values;
  return {
    queue,
    deadLetter: chooseQueue(settings.dlqUrl, settings.dlqName),
    envelopeKeys,
    region,
    endpointUrl: endpointOf(settings),
    localSqs,
    ledger: noLedger === true ? null : ledgerChoice(values, dagsterHome),
    dagster: noDagster === true || dagsterHome === null ? null : { dagsterHome, python },
  };
}
