// The Python environment .venv: Dagster and the tools at the versions and hashes of the lock file,
// and this project's own package, editable. Redone when what it was made from has changed.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { findPython } from "./find-python.mjs";
import { uvEnvironment } from "./pip-settings.mjs";
import { attempt, failed, run, say } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

const python = ".venv/bin/python";
const uv = ".venv/bin/uv";
const stampFile = ".venv/taskiq-stamp";
const lockFile = "python/requirements.lock";
const uvLockFile = "dev/bootstrap/uv.lock.txt";

export async function ensurePythonPackages() {
  const stamp = currentStamp();
  if (existsSync(python) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  await ensureEnvironment();
  await installPackages();
  // Last and by rename: an interrupted setup leaves no stamp and is done again.
  writeFileSync(`${stampFile}.${process.pid}`, stamp);
  renameSync(`${stampFile}.${process.pid}`, stampFile);
}

/**
 * Everything the environment is made from, its place included: a moved environment points to where
 * it was.
 */
function currentStamp() {
  const hash = createHash("sha256").update(resolve(".venv"));
  for (const file of [lockFile, uvLockFile, "python/pyproject.toml"]) hash.update(readFileSync(file));
  return `${hash.digest("hex")}\n`;
}

async function ensureEnvironment() {
  const works = await attempt(python, ["-c", "import sys; print(sys.prefix)"]);
  if (works.code === 0 && works.stdout.trim() === resolve(".venv")) return;
  const base = await findPython();
  say(`Using Python ${base.version} (${base.path})`);
  const made = await attempt(base.path, ["-m", "venv", "--clear", ".venv"]);
  if (made.code === 0) return;
  const { message } = failed(base.path, ["-m", "venv", "--clear", ".venv"], made);
  throw new SetupError(message, "Debian and Ubuntu keep venv in a package of its own: apt-get install python3-venv");
}

async function installPackages() {
  const install = await installerFor(python);
  // Without dependencies: the lock file names them all, and pip would find those with extras not
  // pinned.
  const locked = ["--no-deps", "--require-hashes", "-r", lockFile];
  await install("Installing Dagster and the Python tools into .venv (the longest part of a first setup)", locked);
  await install("Installing this project's Python package, editable", ["--no-deps", "-e", "python"]);
}

/**
 * uv, which lives in .venv, installs in seconds what takes pip minutes. It does not know pip's
 * settings, so they are translated, and pip does the work itself where uv cannot be had or fails.
 *
 * @param {string} into  the Python of the environment that gets the packages
 * @returns {Promise<(progress: string, args: string[]) => Promise<void>>}
 */
export async function installerFor(into) {
  const withPip = (/** @type {string} */ progress, /** @type {string[]} */ args) =>
    run(progress, into, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...args]);
  const gotUv = await attempt(python, ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", uvLockFile]);
  if (gotUv.code !== 0) return withPip;
  const settings = await attempt(python, ["-m", "pip", "config", "list"]);
  const env = { ...uvEnvironment(settings.stdout), ...process.env };
  return async (progress, args) => {
    try {
      // Compiled at once, as pip does: where PYTHONDONTWRITEBYTECODE is set, each of the many
      // Pythons of a test run would do it again.
      await run(progress, uv, ["pip", "install", "--quiet", "--compile-bytecode", "--python", into, ...args], env);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      say("  uv could not; trying pip, which is slower");
      await withPip(progress, args);
    }
  };
}
