// A stage that is programs: their exit codes are the verdict.
import { spawn } from "node:child_process";
import type { Verdict } from "./summary.ts";

export type CommandLine = readonly [program: string, ...args: string[]];

/** Runs each of them, also after one failed: whoever reads the output wants to mend everything at once. */
export function command(...lines: readonly CommandLine[]): (signal: AbortSignal) => Promise<Verdict> {
  return async (signal) => {
    const failures: string[] = [];
    for (const line of lines) {
      const ended = await execute(line, signal);
      if (ended !== "exit code 0") failures.push(ended);
    }
    return { passed: failures.length === 0, tests: null, detail: failures.join(", ") };
  };
}

/** Runs one program in the terminal and says how it ended: `exit code 0`, `SIGKILL`, or why it could not start. */
export function execute([program, ...args]: CommandLine, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], signal });
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, killedBy) => resolve(code === null ? String(killedBy) : `exit code ${code}`));
  });
}
