// Prints a step's output with the project's Python: only Dagster knows its compute log managers.
import { runPython } from "../../core/runner/python-program.ts";
import type { Io } from "../command.ts";

export interface StepLogs {
  readonly run: string;
  readonly step: string;
  readonly attempt: number | null;
  readonly follow: boolean;
  readonly dagsterHome: string;
  readonly python: string;
}

/** Resolves with the program's exit code, null if `stop` ended it. Rejects with a `Fault`. */
export function printStepLogs(
  { run, step, attempt, follow, dagsterHome, python }: StepLogs,
  io: Pick<Io, "stdout" | "stderr" | "env">,
  stop: AbortSignal,
): Promise<number | null> {
  const env = { ...io.env, DAGSTER_HOME: dagsterHome };
  const which = attempt === null ? [] : ["--attempt", String(attempt)];
  const args = ["-m", "dagster_taskiq.step_logs", ...which, ...(follow ? ["--follow"] : []), "--", run, step];
  return runPython({ python, env }, args, io, stop);
}
