// Runs the programs that set things up: quiet while they work, with all they said when they fail.
import { spawn } from "node:child_process";
import { SetupError } from "./setup-error.mjs";

/**
 * @typedef {{ code: number | null, stdout: string, output: string }} Ended `output` is both streams
 * as they came
 */

/**
 * One line of progress. On stderr: what the script proper prints stays alone on stdout.
 *
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a program to its end. `code` is null when it could not be started or a signal ended it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Ended>}
 */
export function attempt(command, args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.on("error", (error) => resolve({ code: null, stdout, output: error.message }));
    child.on("close", (code) => resolve({ code, stdout, output }));
  });
}

/**
 * As `attempt`, and says how long it took; throws a `SetupError` with the program's own words when
 * it fails.
 *
 * @param {string} progress  what is being done, for people
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function run(progress, command, args, env) {
  say(progress);
  const startedAt = Date.now();
  const ended = await attempt(command, args, env);
  if (ended.code !== 0) throw failed(command, args, ended);
  say(`  done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Ended} ended
 */
export function failed(command, args, { code, output }) {
  const how = code === null ? "did not run to its end" : `ended with exit code ${code}`;
  return new SetupError(`${output.trimEnd()}\n\n${[command, ...args].join(" ")} ${how}; its own words are above`);
}
