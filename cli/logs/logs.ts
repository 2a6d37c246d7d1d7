// `taskiq logs`: prints what a step printed, through the compute log manager of its Dagster.
import { systemClock as clock } from "../../core/clock.ts";
import { defineCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { dagsterHome, dagsterOptions, homeRules } from "../options/dagster-options.ts";
import { onOff, optional, required } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { runChoice, stepChoice } from "../options/step-choice.ts";
import { wholeNumber } from "../options/values.ts";
import { listenForStop } from "../signals.ts";
import { sayOn } from "../terminal/say.ts";
import { printStepLogs, type StepLogs } from "../wiring/step-logs.ts";

const options = {
  run: runChoice,
  step: required(stepChoice),
  attempt: optional({
    flag: "--attempt",
    env: [],
    group: "What",
    help: "This attempt alone, 0 for the first one. Of an attempt that was started again, all starts.",
    absent: "the newest with output; with --follow, the newest and those that come",
    kind: wholeNumber(0, 1_000_000),
  }),
  follow: onOff({
    flag: "--follow",
    short: "-f",
    env: [],
    group: "What",
    help: "Go on printing, a second behind, until the step has ended.",
  }),
  dagsterHome: required({
    ...dagsterHome,
    help: "Directory of dagster.yaml, of the Dagster instance that has the compute logs.",
  }),
  python: dagsterOptions.python,
};

const logsSetup: Setup<typeof options, StepLogs> = {
  options,
  operands: ["run", "step"],
  rules: homeRules,
  config: (values) => values,
};

export const command = defineCommand({
  name: "logs",
  setup: logsSetup,
  examples: [
    "taskiq logs 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 load",
    "taskiq logs -f 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 load",
    "taskiq logs 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 load --attempt 0 2> errors.txt",
  ],
  no: "There is no such run or step, or no output of it that can be read here.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq logs");
    for (const warning of warnings) say(warning);
    const stop = listenForStop(io.signals, clock, () => undefined);
    try {
      const code = await printStepLogs(config, io, stop.quiet);
      return code === 0 || code === null ? exitCodes.done : exitCodes.no;
    } finally {
      stop.close();
    }
  },
});
