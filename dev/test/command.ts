// A stage that is programs: their exit codes are the verdict.
import { spawn } from "node:child_process";
import type { Verdict } from "./summary.ts";

export type CommandLine = readonly [program: string, ...args: string[]];

/** Takes what a stage says, as it comes. */
export type Print = (text: string | Uint8Array) => void;

/** Checks something; aborting the signal ends it early. */
export type Check = (signal: AbortSignal, print: Print) => Promise<Verdict>;

/**
 * Runs each of them, also after one failed, so that the developer can mend everything at once.
 */
export function command(...lines: readonly CommandLine[]): Check {
  return async (signal, print) => {
    const failures: string[] = [];
    for (const line of lines) {
      const ended = await execute(line, signal, print);
      if (ended !== "exit code 0") failures.push(ended);
    }
    return { passed: failures.length === 0, tests: null, detail: failures.join(", ") };
  };
}

/** Runs one program and says how it ended: `exit code 0`, `SIGKILL`, or why it could not start. */
export function execute([program, ...args]: CommandLine, signal: AbortSignal, print: Print): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], signal });
    child.stdout.on("data", print);
    child.stderr.on("data", print);
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, killedBy) => resolve(code === null ? String(killedBy) : `exit code ${code}`));
  });
}
