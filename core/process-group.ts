// Killing what a step host that is gone has left: the groups of its steps, and what had left its
// group.
import { readdir, readFile } from "node:fs/promises";
// biome-ignore lint/style/noRestrictedImports: only process.kill can signal a group
import { kill } from "node:process";
import type { Clock } from "./clock.ts";
import { Fault } from "./faults.ts";

/** Leads no group: no system numbers its processes so high. */
const NO_GROUP = 0x7fff_ffff;
const LOOK_AGAIN_MS = 20;
/**
 * Where no process reaps the members (a container without an init), zombies stay. They do no harm
 * to what comes next.
 */
const GIVE_UP_MS = 2_000;

/**
 * Throws a `Fault` where this runtime may not signal groups: found out only when one must be
 * killed, that would end the worker.
 */
export function requireSignals(): void {
  try {
    signalGroup(NO_GROUP);
  } catch (error) {
    throw mayNotSignal(error);
  }
}

function mayNotSignal(cause: unknown): Fault {
  const hint = "Deno: --allow-run without a list of programs, since a group is none.";
  return new Fault("TQ_CONFIG", "this runtime may not signal groups of processes", { cause, hint });
}

/** Kills the group that `pid` leads and waits until no member is left. */
export async function killGroup(pid: number, clock: Clock): Promise<void> {
  const giveUpAtMs = clock.monoMs() + GIVE_UP_MS;
  while (signalGroup(pid) && clock.monoMs() < giveUpAtMs) await clock.sleep(LOOK_AGAIN_MS);
}

/**
 * Kills every process that began with `mark` (`NAME=value`) in its environment, and waits until
 * none is left. Only Linux shows what that was; a process that a program started in an emptied
 * environment is not found.
 */
export async function killMarked(mark: string, clock: Clock): Promise<void> {
  const giveUpAtMs = clock.monoMs() + GIVE_UP_MS;
  while (clock.monoMs() < giveUpAtMs) {
    const pids = await marked(mark);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid);
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

async function marked(mark: string): Promise<readonly number[]> {
  const entries = await readdir("/proc").catch(() => []);
  const pids = entries.filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Gone meanwhile, or another user's.
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.split("\0").includes(mark) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/**
 * Sends SIGKILL to the group that `pid` leads. Returns false when there is no such group any more.
 */
export function signalGroup(pid: number): boolean {
  return signal(-pid);
}

function signal(pid: number): boolean {
  try {
    kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM means that only zombies are left in it (macOS), or processes that user code gave to
    // another user.
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}
