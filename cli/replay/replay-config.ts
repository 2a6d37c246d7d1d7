// The configuration of `taskiq replay`.
import { type ActConfig, actConfig, actRules } from "../operator/act-config.ts";
import type { Pace } from "../operator/act-on-plans.ts";
import { ACT_GROUP, actOptions, rate } from "../options/act-options.ts";
import { noDagster } from "../options/operator-options.ts";
import { onOff, optional, setting } from "../options/option.ts";
import { pick } from "../options/resolve.ts";
import type { Setup } from "../options/setup.ts";
import { duration, wholeNumber } from "../options/values.ts";

const options = {
  perSecond: rate("Send"),
  canary: optional({
    flag: "--canary",
    env: [],
    group: ACT_GROUP,
    help: "Send this many first, and the others only when all of these have succeeded.",
    kind: wholeNumber(1, 1_000),
    absent: "all are sent",
  }),
  wait: onOff({ flag: "--wait", env: [], group: ACT_GROUP, help: "Wait for the outcomes of the steps that are sent." }),
  waitTimeoutMs: setting({
    flag: "--wait-timeout",
    env: [],
    group: ACT_GROUP,
    help: "How long --canary and --wait may wait.",
    kind: duration(1_000, 24 * 3_600_000),
    fallback: "1h",
  }),
  allowEdit: onOff({
    flag: "--allow-edit",
    env: [],
    group: ACT_GROUP,
    help: "Send the bodies of --file even if they were edited.",
  }),
  ...actOptions,
  noDagster,
};

export interface ReplayConfig extends ActConfig {
  readonly pace: Pace;
  /** Bodies that were edited in `file` replace those in the queue. */
  readonly allowEdit: boolean;
}

export const replaySetup: Setup<typeof options, ReplayConfig> = {
  options,
  rules: (settings, machine) =>
    actRules(settings, machine, [
      [settings.allowEdit.value === true && settings.file.value == null, "--allow-edit needs --file"],
    ]),
  config: (values, settings) => ({
    ...actConfig(values, settings),
    pace: pick(values, ["perSecond", "canary", "wait", "waitTimeoutMs"]),
    allowEdit: values.allowEdit,
  }),
};
