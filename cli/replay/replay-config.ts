// The configuration of `taskiq replay`.

import { type OperatorConfig, operatorConfig, operatorRules } from "../operator/operator-config.ts";
import { type DagsterApiChoice, dagsterApiChoice, dagsterApiOptions } from "../options/dagster-api-options.ts";
import { letterOptions } from "../options/letter-options.ts";
import { operatorOptions } from "../options/operator-options.ts";
import { onOff, optional, repeated, setting, type Values } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { duration, text, wholeNumber } from "../options/values.ts";

const group = "What is done";

const options = {
  yes: onOff({ flag: "--yes", env: [], group, help: "Do it. Without it, only what would be done is shown." }),
  why: optional({
    flag: "--why",
    env: [],
    group,
    help: "Why, in a sentence: written down in the ledger with each. --yes needs it.",
    kind: text("<text>", "a text"),
  }),
  who: optional({
    flag: "--who",
    env: [],
    group,
    help: "Who does it: written down in the ledger with each.",
    kind: text("<name>", "a name"),
    absent: "the user's name and this machine's",
  }),
  purge: onOff({
    flag: "--purge",
    env: [],
    group,
    help: "Delete those that are safe to purge, instead of replaying; and those that --id or --reason names, if no run waits for them.",
  }),
  reexecute: onOff({
    flag: "--reexecute",
    env: [],
    group,
    help: "Have Dagster re-execute their runs from failure, once for each run, instead of replaying; with --purge, delete them then. Needs --dagster-url.",
  }),
  fail: onOff({
    flag: "--fail",
    env: [],
    group,
    help: "Record the failure of those that are open in Dagster, so that their runs can end, instead of replaying.",
  }),
  rate: optional({
    flag: "--rate",
    env: [],
    group,
    help: "Send at most so many a second.",
    kind: wholeNumber(1, 1_000),
    absent: "as fast as it goes",
  }),
  canary: optional({
    flag: "--canary",
    env: [],
    group,
    help: "Send so many first, and the others only when all of these have succeeded.",
    kind: wholeNumber(1, 1_000),
    absent: "all are sent",
  }),
  wait: onOff({ flag: "--wait", env: [], group, help: "Wait for what becomes of the steps that are sent." }),
  waitTimeoutMs: setting({
    flag: "--wait-timeout",
    env: [],
    group,
    help: "How long --canary and --wait wait at the most.",
    kind: duration(1_000, 24 * 3_600_000),
    fallback: "1h",
  }),
  id: repeated({
    flag: "--id",
    env: [],
    group: "Which dead letters (all conditions must hold; without any, all of them)",
    help: "With this message id or key (run:step[:attempt]), or the beginning that the table shows. May be given several times.",
    kind: text("<id>", "a message id or a key, or the beginning of one"),
    separator: /\s+/,
  }),
  file: optional({
    flag: "--file",
    env: [],
    group: "Which dead letters (all conditions must hold; without any, all of them)",
    help: "Those of this file, which inspect-dlq --export wrote.",
    kind: text("<file>", "a path"),
  }),
  allowEdit: onOff({
    flag: "--allow-edit",
    env: [],
    group,
    help: "Take bodies as they stand in --file, also edited ones.",
  }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print JSON: one object a line." }),
  ...letterOptions,
  ...operatorOptions,
  ...dagsterApiOptions,
};

function givenIds(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

export interface ReplayConfig extends OperatorConfig {
  readonly which: Values<typeof letterOptions>;
  readonly ids: readonly string[];
  readonly file: { readonly path: string; readonly allowEdit: boolean } | null;
  readonly yes: boolean;
  readonly purge: boolean;
  /** Null: replay, or purge. */
  readonly otherwise: { readonly do: "fail" } | { readonly do: "reexecute"; readonly dagster: DagsterApiChoice } | null;
  /** Null: the user's name and this machine's. */
  readonly who: string | null;
  readonly why: string;
  readonly perSecond: number | null;
  /** How many are sent first; null for all. */
  readonly canary: number | null;
  readonly wait: boolean;
  readonly waitTimeoutMs: number;
  readonly json: boolean;
}

export const replaySetup: Setup<typeof options, ReplayConfig> = {
  options,
  rules: (settings, machine) => {
    const found = operatorRules(settings, machine);
    const { yes, why, noLedger, noDagster, dagsterHome, job, file, allowEdit, id } = settings;
    const { purge, fail, reexecute, dagsterUrl, canary } = settings;
    const blind = noDagster.value === true || dagsterHome.value === null;
    const rules: readonly (readonly [wrong: boolean, problem: string])[] = [
      [yes.value === true && why.value == null, "--yes needs --why: it is written down with each dead letter"],
      [
        noLedger.value === true,
        "--no-ledger makes no sense: a replay is kept in the ledger, or a killed one would send twice",
      ],
      [job.value != null && blind, "--job needs Dagster: only a run's record says of which job it is"],
      [reexecute.value === true && dagsterUrl.value === null, "--reexecute needs --dagster-url"],
      [fail.value === true && blind, "--fail needs Dagster, in which the failure is recorded"],
      [fail.value === true && reexecute.value === true, "only one of these can be given: --fail, --reexecute"],
      [fail.value === true && purge.value === true, "only one of these can be given: --fail, --purge"],
      [
        canary.value != null && (purge.value === true || fail.value === true || reexecute.value === true),
        "--canary goes with a replay alone, not with --purge, --fail or --reexecute",
      ],
      [allowEdit.value === true && file.value == null, "--allow-edit needs --file"],
      [file.value != null && givenIds(id.value), "only one of these can be given: --id, --file"],
    ];
    return {
      problems: [...found.problems, ...rules.filter(([wrong]) => wrong).map(([, problem]) => problem)],
      warnings: found.warnings,
    };
  },
  config: (values, settings) => {
    const { yes, purge, who, json } = values;
    const file = values.file === null ? null : { path: values.file, allowEdit: values.allowEdit };
    const { canary, wait, waitTimeoutMs } = values;
    const done = { yes, purge, who, json, why: values.why ?? "", perSecond: values.rate, canary, wait, waitTimeoutMs };
    return {
      ...{ ...operatorConfig(values, settings), ...done, otherwise: otherwiseOf(values) },
      ...{ which: values, ids: values.id, file },
    };
  },
};

function otherwiseOf(values: Values<typeof options>): ReplayConfig["otherwise"] {
  if (values.fail) return { do: "fail" };
  const dagster = values.reexecute ? dagsterApiChoice(values) : null;
  return dagster === null ? null : { do: "reexecute", dagster };
}
