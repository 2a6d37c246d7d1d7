// What a worker is made of while it lives, and signals to its parts.
import { readFileSync } from "node:fs";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

export interface Anatomy {
  readonly worker: number;
  /** The base. Null while there is none, or none that has forked yet. */
  readonly host: number | null;
  /** Null while there is none. */
  readonly recorder: number | null;
  /** One for each code location that is imported. */
  readonly locationHosts: readonly number[];
  /** Of steps, and of reports and notices, which the base forks itself. */
  readonly steps: readonly number[];
  /** All of it, children of steps included. */
  readonly all: readonly number[];
}

const HOST = "dagster_taskiq.host";
/** What `ps -o comm` shows of the base's children. A fork of a location host keeps its name. */
const RECORDER = "taskiq-recorder";
const LOCATION_HOST = "taskiq-code";

export function anatomyOf(worker: WorkerProcess): Anatomy {
  const processes = worker.processes();
  const ours = processes.filter(({ command }) => command.includes(HOST));
  const host = ours.find(({ parent }) => parent === worker.pid)?.pid ?? null;
  const children = ours.filter(({ parent }) => parent === host);
  const named = (wanted: string) => children.filter(({ name }) => name === wanted).map(({ pid }) => pid);
  const locationHosts = named(LOCATION_HOST);
  const [recorder = null] = named(RECORDER);
  const ownWork = children.filter(({ name }) => name !== RECORDER && name !== LOCATION_HOST);
  const forks = ours.filter(({ parent }) => locationHosts.includes(parent));
  const steps = [...forks, ...ownWork].map(({ pid }) => pid);
  return { worker: worker.pid, host, recorder, locationHosts, steps, all: processes.map(({ pid }) => pid) };
}

/** Of everything there is of it. */
export function pidsOf(worker: WorkerProcess): readonly number[] {
  return worker.processes().map(({ pid }) => pid);
}

/** Those that are gone already are passed over. Answers how many were not. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): number {
  return pids.filter((pid) => signalOne(pid, signal)).length;
}

function signalOne(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Whether any of them holds a lock to write: a database that it stopped in the middle of a commit.
 */
export function writesNow(pids: readonly number[]): boolean {
  const locks = readFileSync("/proc/locks", "utf8").split("\n");
  // "1: POSIX  ADVISORY  WRITE 1234 00:2d:5678 120 120"
  return locks.some((line) => {
    const [, , , kind, pid] = line.split(/\s+/);
    return kind === "WRITE" && pids.includes(Number(pid));
  });
}

/** Whether all that still live have stopped. */
export function haveStopped(pids: readonly number[]): boolean {
  return pids.every((pid) => ["T", "Z", ""].includes(stateOf(pid)));
}

function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] ?? "";
  } catch {
    return ""; // gone
  }
}
