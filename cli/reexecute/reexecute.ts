// `taskiq reexecute`: has Dagster re-execute the runs of dead letters from failure, once for each
// run. Shows only, unless --yes.
import type { Inspection } from "../../core/dead-letters/inspect.ts";
import { replayLetters } from "../../core/dead-letters/replay/replay.ts";
import type { PlannedLetter } from "../../core/dead-letters/replay/replay-plan.ts";
import type { JoinedLetter } from "../../core/dead-letters/verdict.ts";
import { counted } from "../../core/formats/counted.ts";
import { defineCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type ActConfig, actConfig, actRules } from "../operator/act-config.ts";
import { type LettersSession, withLetters } from "../operator/letters-session.ts";
import { ACT_GROUP, actFlags, actOptions } from "../options/act-options.ts";
import { type DagsterApiChoice, dagsterApiChoice, dagsterApiOptions } from "../options/dagster-api-options.ts";
import { noDagster } from "../options/operator-options.ts";
import { onOff } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { openDagster } from "../wiring/dagster.ts";
import { reexecuteRuns } from "./reexecute-runs.ts";

const options = {
  purge: onOff({
    flag: "--purge",
    env: [],
    group: ACT_GROUP,
    help: "Delete the letters of runs that have their re-execution.",
  }),
  ...actOptions,
  noDagster,
  ...dagsterApiOptions,
};

interface ReexecuteConfig extends ActConfig {
  readonly purge: boolean;
  readonly api: DagsterApiChoice;
}

export const reexecuteSetup: Setup<typeof options, ReexecuteConfig> = {
  options,
  rules: actRules,
  config: (values, settings) => ({
    ...actConfig(values, settings),
    purge: values.purge,
    api: dagsterApiChoice(values),
  }),
};

export const command = defineCommand({
  name: "reexecute",
  setup: reexecuteSetup,
  examples: [
    "taskiq reexecute --queue-name steps.fifo --dagster-url https://dagster.example.com",
    'taskiq reexecute --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --purge --yes --why "mended"',
  ],
  first: [...actFlags("--purge"), "--dagster-url"],
  no: "A run could not be re-executed, is not over yet, or a letter was not there.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: (config, io, warnings) =>
    withLetters(config, io, warnings, {
      name: "reexecute",
      without: "nothing of that is re-executed",
      act: (found, session) => reexecuteFound(found, config, session),
    }),
});

async function reexecuteFound(
  { letters: found }: Inspection,
  { api, purge, yes: act, json }: ReexecuteConfig,
  session: LettersSession,
): Promise<ExitCode> {
  const { ledger, who, say, io } = session;
  const dagster = await openDagster(api);
  try {
    // Two operators may be of one name.
    const operator = `${who} ${crypto.randomUUID()}`;
    const ports = { dagster, ledger, operator, clock: session.ports.clock };
    const { code, spent } = await reexecuteRuns(found, { act, json }, ports, io);
    if (!act) say("nothing was done; add --yes to do it");
    if (!act || !purge || spent.length === 0) return code;
    return (await purgeSpent(spent, session)) ? code : exitCodes.no;
  } finally {
    await dagster.close();
  }
}

async function purgeSpent(spent: readonly JoinedLetter[], session: LettersSession): Promise<boolean> {
  const { config, ledger, ports, quiet, say, who } = session;
  const plans: PlannedLetter[] = [];
  for (const joined of spent) {
    const begun = await ledger.findReplay(joined.letter.message.id);
    plans.push({ joined, begun, act: "purge", why: "its run was re-executed" });
  }
  let deleted = 0;
  const settings = { who, why: config.why, perSecond: null };
  await replayLetters(plans, { ...session, clock: ports.clock }, settings, quiet, ({ end }) => {
    if (end.kind === "deleted") deleted += 1;
  });
  say(`deleted ${deleted} of ${counted(plans.length, "dead letter")} of re-executed runs`);
  return deleted === plans.length;
}
