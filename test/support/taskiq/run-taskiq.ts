// One command of taskiq, from its start to its end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { taskiqCommand } from "./taskiq-command.ts";

export type Variables = Readonly<Record<string, string>>;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs taskiq with these arguments and no variables but these. */
export async function runTaskiq(args: readonly string[], env: Variables = {}): Promise<Ran> {
  const [program, ...first] = taskiqCommand();
  const child = spawn(program, [...first, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, stdout, stderr };
}
