// Which sources a build was made of: `taskiq --version --json` names them. Plain JavaScript, for
// build.mjs on an older Node.
import { execFileSync } from "node:child_process";

/**
 * Depends on the sources and on two variables, never on the clock, so that two builds of a commit
 * are the same. The image has no repository to ask: its build sets the variables.
 *
 * @param {string} root the checkout
 * @param {Readonly<Record<string, string | undefined>>} [env]
 * @returns {{ commit: string | null, sourceDate: string | null }} `commit` ends in `-dirty` when tracked files were changed;
 *   `sourceDate` is `SOURCE_DATE_EPOCH` or else the commit's own date. `null` means that neither repository nor variable says it.
 */
export function originOf(root, env = process.env) {
  const { TASKIQ_COMMIT: commit, SOURCE_DATE_EPOCH: epoch } = env;
  if (epoch && !/^\d{1,11}$/.test(epoch)) {
    throw new Error(`SOURCE_DATE_EPOCH: expected whole seconds since 1970, got ${JSON.stringify(epoch)}`);
  }
  const inRepository = git(root, ["rev-parse", "--show-prefix"]) === "";
  const seconds = epoch || (inRepository ? git(root, ["log", "-1", "--format=%ct"]) : null);
  return {
    commit:
      commit || (inRepository ? git(root, ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]) : null),
    sourceDate: seconds === null ? null : new Date(Number(seconds) * 1_000).toISOString().replace(".000Z", "Z"),
  };
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {string | null} `null` without git, or outside of a repository
 */
function git(root, args) {
  try {
    return execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}
