// `taskiq fail`: records the failure of open attempts in Dagster, so that their runs can end. Shows
// only, unless --yes.
import type { Inspection } from "../../core/dead-letters/inspect.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import { Fault } from "../../core/faults.ts";
import { Outages } from "../../core/outages.ts";
import { Notices } from "../../core/worker/notices.ts";
import { defineCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type ActConfig, actConfig, actRules } from "../operator/act-config.ts";
import { type LettersSession, withLetters } from "../operator/letters-session.ts";
import { OPERATOR_LEASE_MS } from "../operator/wire-operator.ts";
import { actFlags, actOptions } from "../options/act-options.ts";
import { dagsterHome } from "../options/dagster-options.ts";
import { required } from "../options/option.ts";
import { queueText } from "../options/queue-choice.ts";
import type { Setup } from "../options/setup.ts";
import { failOpen } from "./fail-open.ts";

const options = {
  ...actOptions,
  dagsterHome: required({
    ...dagsterHome,
    help: "Directory of dagster.yaml, of the Dagster instance that records the failure.",
  }),
};

export const failSetup: Setup<typeof options, ActConfig> = { options, rules: actRules, config: actConfig };

export const command = defineCommand({
  name: "fail",
  setup: failSetup,
  examples: [
    "taskiq fail --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11",
    'taskiq fail --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --step load --yes --why "bad input"',
  ],
  first: actFlags(),
  no: "A failure could not or must not be recorded, or a letter was not there.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: (config, io, warnings) =>
    withLetters(config, io, warnings, { name: "fail", without: "nothing is failed", act: failFound }),
});

/** What engine events may take that are still to be written. */
const LAST_NOTICES_MS = 10_000;

async function failFound({ letters: found }: Inspection, session: LettersSession): Promise<ExitCode> {
  const { config, ports, letters, ledger, observe, quiet, who, io, say } = session;
  const { yes: act, why, json } = config;
  const { runner, clock } = ports;
  if (runner === null) throw new Fault("TQ_CONFIG", "--dagster-home is required: the failure is recorded in Dagster");
  // Each letter is received again, under a lease of its own.
  await session.held.release();
  const notices = new Notices({ runner, clock, observe });
  const fail = {
    letters,
    ledger,
    runner,
    clock,
    observe,
    outages: new Outages({ clock, observe }),
    queueName: queueText(config.queue),
    policy: defaultPolicy,
    worker: who,
    leaseMs: OPERATOR_LEASE_MS,
    chance: Math.random,
    notify: notices.notify,
  };
  const shown = { json, stdout: io.stdout, env: io.env };
  const code = await failOpen(found, { who, why }, act ? fail : null, { quiet, kill: quiet }, shown);
  await notices.flush(LAST_NOTICES_MS);
  if (!act) say("nothing was done; add --yes to do it");
  return code;
}
