// `taskiq purge`: deletes dead letters that are safe to delete, or that the operator names. Shows
// only, unless --yes.
import { defineCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { type ActConfig, actConfig, actRules } from "../operator/act-config.ts";
import type { Pace } from "../operator/act-on-plans.ts";
import { withLetters } from "../operator/letters-session.ts";
import { planAndAct } from "../operator/plan-and-act.ts";
import { actFlags, actOptions, rate } from "../options/act-options.ts";
import { noDagster } from "../options/operator-options.ts";
import type { Setup } from "../options/setup.ts";

const options = {
  perSecond: rate("Delete"),
  ...actOptions,
  noDagster,
};

interface PurgeConfig extends ActConfig {
  readonly pace: Pace;
}

export const purgeSetup: Setup<typeof options, PurgeConfig> = {
  options,
  rules: actRules,
  config: (values, settings) => {
    const pace = { perSecond: values.perSecond, canary: null, wait: false, waitTimeoutMs: 0 };
    return { ...actConfig(values, settings), pace };
  },
};

export const command = defineCommand({
  name: "purge",
  setup: purgeSetup,
  examples: [
    "taskiq purge --queue-name steps.fifo",
    'taskiq purge --queue-name steps.fifo --yes --why "their runs are done"',
    'taskiq purge --queue-name steps.fifo --reason malformed --yes --why "a producer of another team"',
  ],
  first: actFlags(),
  no: "Something was refused, could not be deleted, or was not there.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: (config, io, warnings) => {
    const byId = config.ids.length > 0 || config.file !== null;
    const purge = { byId, reason: config.which.reason };
    const none = new Set<string>();
    return withLetters(config, io, warnings, {
      name: "purge",
      without: "nothing of that is deleted",
      act: (found, session) => planAndAct(found, { purge, misnamed: none, unsignable: none }, config.pace, session),
    });
  },
});
