// Makes the directory of a Dagster instance, with its SQLite databases. Each test has an instance
// of its own, and Dagster needs more time to make the databases than to open them. So they are made
// once and copied.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PYTHON } from "./dagster-sidecar.ts";

const root = new URL("../../../", import.meta.url).pathname;

const makeDatabases = "import sys; from dagster import DagsterInstance as I; I.from_config(sys.argv[1]).dispose()";

/** Makes `folder` a home of Dagster with its own settings and empty databases. */
export function fillHome(folder: string): void {
  cpSync(emptyHome(), folder, { recursive: true });
}

/** Returns the directory that is copied. It stays in the checkout, named by installed versions. */
function emptyHome(): string {
  const home = join(root, ".taskiq", `dagster-home-${readFileSync(join(root, ".venv/taskiq-stamp"), "utf8").trim()}`);
  if (existsSync(home)) return home;
  mkdirSync(join(root, ".taskiq"), { recursive: true });
  const made = mkdtempSync(join(root, ".taskiq/dagster-home-"));
  writeFileSync(join(made, "dagster.yaml"), "telemetry:\n  enabled: false\n");
  const { status, stderr } = spawnSync(PYTHON, ["-c", makeDatabases, made], { encoding: "utf8" });
  if (status !== 0) throw new Error(`a Dagster instance could not be made: ${stderr}`);
  try {
    renameSync(made, home);
  } catch (error) {
    // Another test was first.
    rmSync(made, { recursive: true });
    if (!existsSync(home)) throw error;
  }
  return home;
}
