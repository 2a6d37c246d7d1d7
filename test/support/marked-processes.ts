// Finds every process of a test, orphans included: all inherit a mark in their environment, which /proc shows however they were reparented.
import { readdirSync, readFileSync } from "node:fs";
import { eventually } from "./eventually.ts";

/** The environment variable that carries the mark. */
export const MARK = "E2E_MARK";

export interface MarkedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

/** The processes that carry `mark`; zombies, which run nothing, left out. */
export function markedProcesses(mark: string): readonly MarkedProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => describe(Number(name), mark) ?? []);
}

/** Resolves when no process carries `mark` any more; rejects with a list of those that do. */
export async function noneMarked(mark: string, withinMs = 5_000): Promise<void> {
  try {
    await eventually("no process of the test is left", () => markedProcesses(mark).length === 0, withinMs);
  } catch (error) {
    const left = markedProcesses(mark);
    const lines = left.map(({ pid, parent, command }) => `  ${pid} (parent ${parent}) ${command}`);
    for (const { pid } of left) endProcess(pid);
    throw new Error(`expected no process to be left after ${withinMs / 1000} s, found:\n${lines.join("\n")}`, {
      cause: error,
    });
  }
}

export function isAlive(pid: number): boolean {
  return readStat(pid) !== null;
}

/** SIGKILL; a process that is gone already is fine. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function describe(pid: number, mark: string): MarkedProcess | null {
  const stat = readStat(pid);
  if (stat === null || !read(pid, "environ").split("\0").includes(`${MARK}=${mark}`)) return null;
  return { pid, ...stat, command: read(pid, "cmdline").replaceAll("\0", " ").trim() };
}

function readStat(pid: number): { parent: number; group: number } | null {
  const stat = read(pid, "stat");
  // The command's name, in parentheses, may hold anything; the fields begin behind its last one.
  const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" || state === "Z" || state === "X" ? null : { parent: Number(parent), group: Number(group) };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // gone meanwhile, or not ours to read
  }
}
