// The configuration of `taskiq inspect-dlq`.

import { type OperatorConfig, operatorConfig, operatorRules } from "../operator/operator-config.ts";
import { letterOptions } from "../options/letter-options.ts";
import { noDagster, noLedger, reachOptions } from "../options/operator-options.ts";
import { onOff, optional, type Values } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { text } from "../options/values.ts";

const GROUP = "Output";

const options = {
  ...letterOptions,
  group: onOff({
    flag: "--group",
    env: [],
    group: GROUP,
    help: "Count the letters by their errors, instead of listing each.",
  }),
  json: onOff({ flag: "--json", env: [], group: GROUP, help: "Print JSON: one object a line." }),
  show: optional({
    flag: "--show",
    env: [],
    group: GROUP,
    help: "Show one with its traceback and body: by its message id, its key (run:step[:attempt]), or the beginning of either, as the table shows it. Exit code 1 if there is none, or several.",
    kind: text("<key>", "a message id or a key"),
  }),
  export: optional({
    flag: "--export",
    env: [],
    group: GROUP,
    help: "Write them to this new file, bodies included: JSON lines, the last of which has a checksum.",
    kind: text("<file>", "a path"),
  }),
  ...reachOptions,
  noLedger,
  noDagster,
};

export interface InspectConfig extends OperatorConfig {
  readonly which: Values<typeof letterOptions>;
  readonly output:
    | { readonly to: "list" | "groups"; readonly json: boolean }
    | { readonly to: "details"; readonly name: string; readonly json: boolean }
    | { readonly to: "file"; readonly path: string };
  /** Why Dagster is not asked although no option says so. `null` otherwise. */
  readonly dagsterMissing: string | null;
}

export const inspectSetup: Setup<typeof options, InspectConfig> = {
  options,
  rules: (settings, machine) => {
    const found = operatorRules(settings, machine);
    const { group, show, export: file, job, noDagster } = settings;
    const outputs = [group, show, file].filter(({ value }) => value !== null && value !== false && value !== undefined);
    const several = `only one of these can be given: ${outputs.map(({ option }) => option.flag).join(", ")}`;
    const blind = "--job needs Dagster, which --no-dagster leaves out: only a run's record names its job";
    return {
      problems: [
        ...found.problems,
        ...(outputs.length > 1 ? [several] : []),
        ...(job.value != null && noDagster.value === true ? [blind] : []),
        ...(job.value != null && settings.dagsterHome.value === null ? ["--job needs --dagster-home"] : []),
      ],
      warnings: found.warnings,
    };
  },
  config: (values, settings) => {
    const operator = operatorConfig(values, settings);
    const missing = operator.dagster === null && !values.noDagster ? "there is no --dagster-home" : null;
    return { ...operator, which: values, output: outputOf(values), dagsterMissing: missing };
  },
};

function outputOf({ group, json, show, export: path }: Values<typeof options>): InspectConfig["output"] {
  if (path !== null) return { to: "file", path };
  if (show !== null) return { to: "details", name: show, json };
  return { to: group ? "groups" : "list", json };
}
