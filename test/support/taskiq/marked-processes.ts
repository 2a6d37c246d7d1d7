// Finds every process that a test started, orphans included: all inherit a mark in their
// environment, and /proc shows it however they were reparented.
import { readdirSync, readFileSync } from "node:fs";
import { eventually } from "../eventually.ts";

/** An entry of an environment, such as `E2E_WORKER=1`. */
export type Mark = `${string}=${string}`;

export interface MarkedProcess {
  readonly pid: number;
  readonly parent: number;
  /** What `ps -o comm` shows. */
  readonly name: string;
  readonly command: string;
}

/** The processes that carry `mark`; zombies, which run nothing, left out. */
export function markedProcesses(mark: Mark): readonly MarkedProcess[] {
  return everyPid().flatMap((pid) => describe(pid, mark) ?? []);
}

/** The children of `parent` that have ended and that it has not reaped. */
export function zombiesOf(parent: number): readonly number[] {
  return everyPid().filter((pid) => {
    const stat = readStat(pid);
    return stat !== null && stat.parent === parent && stat.state === "Z";
  });
}

function everyPid(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Resolves when no process carries `mark` any more; rejects with a list of those that do. */
export async function noneMarked(mark: Mark, withinMs = 5_000): Promise<void> {
  try {
    await eventually("no process of the test is left", () => markedProcesses(mark).length === 0, withinMs);
  } catch (error) {
    const left = markedProcesses(mark);
    const lines = left.map(({ pid, parent, command }) => `  ${pid} (parent ${parent}) ${command}`);
    endProcesses(left);
    throw new Error(`expected no process to be left after ${withinMs / 1000} s, found:\n${lines.join("\n")}`, {
      cause: error,
    });
  }
}

/** SIGKILL to each; those that are gone already are fine. */
export function endProcesses(processes: readonly MarkedProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function describe(pid: number, mark: Mark): MarkedProcess | null {
  const stat = readStat(pid);
  if (stat === null || stat.state === "Z" || stat.state === "X") return null;
  if (!read(pid, "environ").split("\0").includes(mark)) return null;
  return {
    pid,
    parent: stat.parent,
    name: read(pid, "comm").trim(),
    command: read(pid, "cmdline").replaceAll("\0", " ").trim(),
  };
}

function readStat(pid: number): { readonly state: string; readonly parent: number } | null {
  const stat = read(pid, "stat");
  // The command's name, in parentheses, may hold anything; the fields begin behind its last one.
  const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" ? null : { state, parent: Number(parent) };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // gone meanwhile, or not ours to read
  }
}
