// Asks the Dagster instance of an operator's command what it knows of a run.
import { type RunFacts, runFacts } from "../../core/explain/facts.ts";
import { askPython } from "../../core/runner/ask-python.ts";
import type { Env } from "../options/resolve.ts";

interface Instance {
  readonly dagsterHome: string;
  readonly python: string;
}

/** With the events of `step`. Rejects with a `Fault`. */
export function askRunFacts(
  { dagsterHome, python }: Instance,
  run: string,
  step: string | null,
  env: Env,
): Promise<RunFacts> {
  return askPython(
    { python, env: { ...env, DAGSTER_HOME: dagsterHome } },
    {
      module: "dagster_taskiq.run_facts",
      args: step === null ? [run] : [run, step],
      answer: runFacts,
      unknown: "the Dagster instance cannot be asked for the run",
      hint: "Check DAGSTER_HOME and --python.",
    },
  );
}
