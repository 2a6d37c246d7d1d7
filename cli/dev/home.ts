// The Dagster home of `taskiq dev`: it stays from one start to the next, and serves one `taskiq
// dev` at a time.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Fault } from "../../core/faults.ts";
import { shellWord } from "../../core/formats/shell-word.ts";
import type { Env } from "../options/resolve.ts";

const DAGSTER_YAML = `# Made by taskiq dev; it is yours to change.
telemetry:
  enabled: false
# No question for a newsletter when the UI opens.
nux:
  enabled: false
# A run starts as soon as it is launched, also without the daemon. Remove this for Dagster's run queue.
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
`;

export interface Home {
  /** Absolute. */
  readonly path: string;
  /** No Dagster has used it yet: its databases must be made by one process. */
  readonly fresh: boolean;
  /** The file with the variables, to be sourced by a shell. */
  readonly variablesFile: string;
  /** Writes that file. */
  write(variables: Readonly<Record<string, string>>): void;
  /** Removes that file, which frees the home. */
  close(): void;
}

/**
 * Throws a `Fault` when another `taskiq dev` has this home. `given` is `null` for the one in the
 * working directory.
 */
export function openHome(given: string | null, pid: number): Home {
  const path = given ?? resolve(".taskiq");
  const isMade = mkdirSync(path, { recursive: true }) !== undefined;
  if (isMade && given === null) writeFileSync(join(path, ".gitignore"), "*\n");
  const config = join(path, "dagster.yaml");
  if (!existsSync(config)) writeFileSync(config, DAGSTER_YAML);
  const variablesFile = join(path, "dev.env");
  occupy(variablesFile, pid);
  return {
    path,
    fresh: !existsSync(join(path, "history")),
    variablesFile,
    write: (variables) => writeFileSync(variablesFile, `${head(pid)}${exportsOf(variables)}`),
    close: () => rmSync(variablesFile, { force: true }),
  };
}

/** Lines for a shell of POSIX. */
export function exportsOf(variables: Env): string {
  const lines = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}=${shellWord(value)}\n`],
  );
  return lines.join("");
}

function head(pid: number): string {
  return `# of taskiq dev, process ${pid}\n`;
}

function occupy(file: string, pid: number): void {
  const owner = existsSync(file) ? Number(/process (\d+)/.exec(readFileSync(file, "utf8"))?.[1]) : 0;
  if (isAlive(owner)) {
    throw new Fault("TQ_CONFIG", `another taskiq dev, process ${owner}, has this Dagster home: ${file}`, {
      hint: "Stop that one, or give this one a home of its own with --dagster-home.",
    });
  }
  writeFileSync(file, head(pid), { mode: 0o600 });
}

/** Another user's process counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}
