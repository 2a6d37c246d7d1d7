// The options that `taskiq quiet` and `taskiq resume` share: which workers, who asks, and which ledger takes the request.
import * as v from "valibot";
import type { QuietTarget } from "../../core/ledger/quiet-records.ts";
import { queueNameOf } from "../../core/quiet/requests.ts";
import type { Findings } from "../command.ts";
import {
  isLedgerGiven,
  type LedgerChoice,
  ledgerChoice,
  ledgerOptions,
  ledgerRules,
} from "../options/ledger-options.ts";
import { onOff, optional, type Values } from "../options/option.ts";
import { isGiven, type Settings } from "../options/resolve.ts";
import { httpUrl, type Kind, queueName, text } from "../options/values.ts";

const group = "Which workers";

const queueNameOrUrl: Kind<string> = {
  placeholder: "<name|url>",
  expects: "the name or the URL of a queue",
  schema: v.pipe(
    v.string(),
    v.check((given) => v.is(queueName.schema, given) || v.is(httpUrl.schema, given)),
    v.transform(queueNameOf),
    queueName.schema,
  ),
};

export const whichOptions = {
  worker: optional({
    flag: "--worker",
    env: [],
    group,
    help: "The worker with this id, as logs and Dagster show it. The id of its ECS task, or its machine's name, will do.",
    kind: text("<id>", "1 to 200 printable characters", /^.{1,200}$/u),
  }),
  queue: optional({
    flag: "--queue",
    env: [],
    group,
    help: "Every worker, or with --worker that one, for the queue of this name alone. Of a URL, the name counts.",
    kind: queueNameOrUrl,
  }),
};

export const whoOption = optional({
  flag: "--who",
  env: [],
  group: "Request",
  help: "Who asks: shown by the workers and in their logs.",
  absent: "the user's name and this machine's",
  kind: text("<name>", "1 to 200 printable characters", /^.{1,200}$/u),
});

export const requestLedgerOptions = {
  ...ledgerOptions,
  dagsterHome: optional({
    flag: "--dagster-home",
    env: ["DAGSTER_HOME"],
    group: "Ledger",
    help: "Where the default ledger's file is.",
    kind: text("<path>", "an absolute path", /^\//),
  }),
};

export const everythingOption = (help: string) => onOff({ flag: "--everything", env: [], group, help });

type WhichSettings = Settings<typeof whichOptions & typeof requestLedgerOptions>;

export function requestRules(settings: WhichSettings): Findings {
  const { problems } = ledgerRules(settings);
  const nowhere = !isLedgerGiven(settings) && !isGiven(settings.dagsterHome);
  const missing = "--ledger-url, --postgres-host or --dagster-home is required: nothing says where the ledger is";
  return { problems: [...problems, ...(nowhere ? [missing] : [])], warnings: [] };
}

export function requestLedger(values: Values<typeof requestLedgerOptions>): LedgerChoice {
  return ledgerChoice(values, values.dagsterHome);
}

/** `worker w-1`, `the queue steps.fifo`, `worker w-1 for the queue steps.fifo`, `every worker`. */
export function targetText({ worker, queue }: QuietTarget): string {
  const who = worker === null ? "every worker" : `worker ${worker}`;
  return queue === null ? who : `${who} for the queue ${queue}`;
}
