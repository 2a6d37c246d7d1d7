// A Python environment with another version of Dagster, made on first use and kept. What Dagster
// needs besides is not locked: it is what a user who installs that version today gets.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { installerFor } from "../bootstrap/python-packages.mjs";
import { run } from "../bootstrap/run.mjs";
import { requirementsFor } from "./dagster-versions.ts";

/** Its Python. */
export async function environmentOf(version: string): Promise<string> {
  const folder = `.taskiq/dagster/${version}`;
  const python = `${folder}/bin/python`;
  const wanted = requirementsFor(version, readFileSync("python/requirements.in", "utf8"));
  const stamp = `${folder}/taskiq-stamp`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted.join("\n")) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(".taskiq/dagster", { recursive: true });
  await run(`Making an environment for Dagster ${version}`, ".venv/bin/python", ["-m", "venv", folder]);
  const install = await installerFor(python);
  await install(`Installing Dagster ${version} and what the tests need`, [...wanted]);
  await install("Installing this project's Python package, editable", ["--no-deps", "-e", "python"]);
  writeFileSync(stamp, wanted.join("\n"));
  return python;
}
