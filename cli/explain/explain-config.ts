// The configuration of `taskiq explain`.
import { type OperatorConfig, operatorConfig, operatorRules } from "../operator/operator-config.ts";
import { dagsterHome } from "../options/dagster-options.ts";
import { reachOptions } from "../options/operator-options.ts";
import { onOff, optional, required } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { runChoice, stepChoice } from "../options/step-choice.ts";

const options = {
  run: runChoice,
  step: optional({ ...stepChoice, absent: "every step that has not ended, in a line each" }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print one JSON object." }),
  ...reachOptions,
  dagsterHome: required({
    ...dagsterHome,
    help: "Directory of dagster.yaml, of the Dagster instance that has the run.",
  }),
};

export interface ExplainConfig extends OperatorConfig {
  readonly run: string;
  readonly step: string | null;
  readonly json: boolean;
  readonly dagster: { readonly dagsterHome: string; readonly python: string };
}

export const explainSetup: Setup<typeof options, ExplainConfig> = {
  options,
  operands: ["run", "step"],
  rules: operatorRules,
  config: (values, settings) => {
    const { run, step, json, dagsterHome: home, python } = values;
    return { ...operatorConfig(values, settings), run, step, json, dagster: { dagsterHome: home, python } };
  },
};
