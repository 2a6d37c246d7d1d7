// The options that `taskiq quiet` and `taskiq resume` share: which workers, and who asks.
import * as v from "valibot";
import { queueNameOf } from "../../core/queue/queue-place.ts";
import { onOff, optional } from "./option.ts";
import { isGiven, type Setting, type Settings } from "./resolve.ts";
import { httpUrl, type Kind, queueName, text } from "./values.ts";
import { workerOptions } from "./worker-options.ts";

const GROUP = "Which workers";

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
    group: GROUP,
    help: "The worker with this id, as logs and Dagster show it. The id of its ECS task, or its machine's name, will do.",
    kind: text("<id>", "1 to 200 printable characters", /^.{1,200}$/u),
  }),
  queue: optional({
    flag: "--queue",
    env: [],
    group: GROUP,
    help: "For this queue alone: every worker, or the one of --worker. Only the name in a URL counts.",
    kind: queueNameOrUrl,
  }),
};

/**
 * The worker of this machine, which is asked through its control endpoint and not through the
 * ledger.
 */
export const localOptions = {
  local: onOff({
    flag: "--local",
    env: [],
    group: GROUP,
    help: "The worker on this machine, asked directly and without the ledger; with --worker, the one of that id. Needs no ledger.",
  }),
  stateDir: {
    ...workerOptions.stateDir,
    group: GROUP,
    help: "With --local: directory in which this user's workers leave their address and token.",
  },
};

export const whoOption = optional({
  flag: "--who",
  env: [],
  group: "Request",
  help: "Your name. The workers and their logs show it.",
  absent: "the user's name and this machine's",
  kind: text("<name>", "1 to 200 printable characters", /^.{1,200}$/u),
});

type Everything = ReturnType<typeof everythingOption>;

export const everythingOption = (help: string) => onOff({ flag: "--everything", env: [], group: GROUP, help });

/** Some workers or a queue is given, or everything. `none: null` allows neither. */
export function whichProblems(
  { worker, queue, everything }: Settings<typeof whichOptions & { readonly everything: Everything }>,
  words: { readonly none: string | null; readonly both: string },
): readonly string[] {
  const isNamed = isGiven(worker) || isGiven(queue);
  const isAll = everything.value === true;
  if (isNamed && isAll) return [words.both];
  return isNamed || isAll || words.none === null ? [] : [words.none];
}

/** `--local` leaves out what only the ledger knows. */
export function localProblems(settings: readonly Setting[]): readonly string[] {
  const given = settings.filter((one) => isGiven(one) && one.value !== false).map(({ option }) => option.flag);
  return given.length === 0 ? [] : [`--local asks the worker on this machine alone: leave out ${given.join(", ")}`];
}
