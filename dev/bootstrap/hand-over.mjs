// Starts the script proper on the project's own Node and becomes its shadow: same terminal, same
// signals, same exit code.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { projectNode } from "./node-packages.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export function handOver(script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(projectNode, [script, ...args], { stdio: "inherit" });
    // A terminal sends Ctrl-C to both; the script decides what it means, and this process must
    // outlive it to report.
    process.on("SIGINT", () => undefined);
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("error", (error) => {
      reject(
        new SetupError(`${projectNode} could not be started: ${error.message}`, "delete node_modules and try again"),
      );
    });
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
