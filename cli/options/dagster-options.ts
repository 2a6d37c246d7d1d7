// Dagster's home and its Python: for every command that asks Dagster.
import { type Machine, required, setting } from "./option.ts";
import { refusal, type Setting } from "./resolve.ts";
import type { Findings } from "./setup.ts";
import { text } from "./values.ts";

export const dagsterHome = {
  flag: "--dagster-home",
  env: ["DAGSTER_HOME"],
  group: "Dagster",
  help: "Directory of dagster.yaml.",
  kind: text("<path>", "an absolute path", /^\//),
};

export const dagsterOptions = {
  dagsterHome: required(dagsterHome),
  python: setting({
    flag: "--python",
    env: ["TASKIQ_PYTHON"],
    group: "Dagster",
    help: "The Python that has dagster, dagster_taskiq and the code location.",
    kind: text("<path>", "a path or the name of a program"),
    fallback: "python3",
  }),
};

export function homeRules(
  { dagsterHome }: { readonly dagsterHome: Setting<string | null> },
  machine: Machine,
): Findings {
  const path = dagsterHome.value;
  if (path == null || machine.isDirectory(path)) return { problems: [], warnings: [] };
  return { problems: [refusal(dagsterHome.option, path, dagsterHome.origin, "an existing directory")], warnings: [] };
}
