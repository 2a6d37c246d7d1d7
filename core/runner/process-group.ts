// Killing a process group whose reaper is gone.

// biome-ignore lint/style/noRestrictedImports: only process.kill can signal a group
import { kill } from "node:process";
import type { Clock } from "../clock.ts";

const LOOK_AGAIN_MS = 20;
/** As PID 1 of a container nobody may reap the members; a zombie harms nobody. */
const GIVE_UP_MS = 2_000;

/** Kills the group that `pid` leads and waits until no member is left. */
export async function killGroup(pid: number, clock: Clock): Promise<void> {
  const giveUpAtMs = clock.monoMs() + GIVE_UP_MS;
  while (signalGroup(pid) && clock.monoMs() < giveUpAtMs) await clock.sleep(LOOK_AGAIN_MS);
}

/** False when no such group exists any more. */
function signalGroup(pid: number): boolean {
  try {
    kill(-pid, "SIGKILL");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM: nobody is left in it but zombies (macOS), or processes that user code gave to another user.
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}
