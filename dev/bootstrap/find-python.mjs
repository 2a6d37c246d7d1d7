// Finds a Python that Dagster runs on.
import { attempt } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";

/** Dagster's own bounds: >= 3.10, < 3.15. */
const oldest = [3, 10];
const newest = [3, 14];
const names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

/** Also Python 2 understands it. */
const probe = "import sys; sys.stdout.write('%d.%d.%d %s' % (sys.version_info[:3] + (sys.executable,)))";

/**
 * @typedef {{ name: string, found: string | null, path: string }} Candidate `found`: its version,
 * null when it does not run
 */

/**
 * The environment variable PYTHON, when set, is the only one tried.
 *
 * @returns {Promise<{ path: string, version: string }>}
 */
export async function findPython() {
  const chosen = process.env["PYTHON"];
  const candidates = await Promise.all((chosen ? [chosen] : names).map(ask));
  const suitable = candidates.find(({ found }) => found !== null && isSuitable(found));
  if (suitable?.found) return { path: suitable.path, version: suitable.found };
  throw new SetupError(
    `expected a Python from ${oldest.join(".")} to ${newest.join(".")}, found: ${candidates.map(describe).join(", ")}`,
    "install one, or name one: PYTHON=/path/to/python3 npm start",
  );
}

/**
 * @param {string} version  as in "3.12.1"
 */
export function isSuitable(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 3 && minor >= Number(oldest[1]) && minor <= Number(newest[1]);
}

/**
 * @param {string} name
 * @returns {Promise<Candidate>}
 */
async function ask(name) {
  const { code, stdout } = await attempt(name, ["-c", probe]);
  const [version = "", ...path] = stdout.trim().split(" ");
  return { name, found: code === 0 ? version : null, path: path.join(" ") };
}

/** @param {Candidate} candidate */
function describe({ name, found }) {
  return `${name} (${found ?? "not there"})`;
}
