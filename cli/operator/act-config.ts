// The configuration that the commands share which act on dead letters: replay, purge, fail and
// reexecute.
import type { actOptions } from "../options/act-options.ts";
import type { letterOptions } from "../options/letter-options.ts";
import type { Machine, Values } from "../options/option.ts";
import { pick, type Setting, type Settings } from "../options/resolve.ts";
import type { Findings } from "../options/setup.ts";
import { type OperatorConfig, operatorConfig, operatorRules } from "./operator-config.ts";

const PLAIN = ["ids", "file", "yes", "who", "json"] as const;

export interface ActConfig extends OperatorConfig, Pick<Values<typeof actOptions>, (typeof PLAIN)[number]> {
  readonly which: Values<typeof letterOptions>;
  readonly why: string;
}

type ActSettings = Settings<typeof actOptions> & { readonly noDagster?: Setting<boolean> };

/** `more` are the rules of one command: each with whether it is broken. */
export function actRules(
  settings: ActSettings,
  machine: Machine,
  more: readonly (readonly [broken: boolean, problem: string])[] = [],
): Findings {
  const { problems, warnings } = operatorRules(settings, machine);
  const { yes, why, job, ids, file } = settings;
  const rules: typeof more = [
    [yes.value === true && why.value == null, "--yes needs --why: the ledger keeps the reason with each dead letter"],
    [job.value != null && !asksDagster(settings), "--job needs Dagster: only a run's record names its job"],
    [file.value != null && (ids.value ?? []).length > 0, "only one of these can be given: --id, --file"],
    ...more,
  ];
  return { problems: [...problems, ...rules.filter(([broken]) => broken).map(([, problem]) => problem)], warnings };
}

function asksDagster({ dagsterHome, noDagster }: ActSettings): boolean {
  return dagsterHome.value != null && noDagster?.value !== true;
}

export function actConfig(
  values: Values<typeof actOptions> & { readonly noDagster?: boolean },
  settings: ActSettings,
): ActConfig {
  return { ...operatorConfig(values, settings), ...pick(values, PLAIN), which: values, why: values.why ?? "" };
}
