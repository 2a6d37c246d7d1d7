// Kills the process of one piece of work, through its step host while that answers and without it otherwise.
import type { Clock } from "../clock.ts";
import { killGroup } from "../process-group.ts";
import type { HostProcess } from "./host-process.ts";
import type { Work } from "./work.ts";

/** A host is busy for so long at times, importing a code location; then the group is killed without it, inside the lease's margin. */
const KILL_HEARD_MS = 1_000;
/** A host that has not reaped a killed process by then is stuck: it is killed itself, and everything below it. */
const KILL_ANSWER_MS = 5_000;

export async function killWork(host: HostProcess, id: string, work: Work, clock: Clock): Promise<void> {
  host.send({ type: "kill", id, signal: "SIGKILL" });
  if (await endsWithin(KILL_HEARD_MS, work.ended, clock)) return;
  if (work.pid !== null) await killGroup(work.pid, clock);
  if (!(await endsWithin(KILL_ANSWER_MS - KILL_HEARD_MS, work.ended, clock))) host.kill();
}

/** Resolves with true as soon as `ended` does, and with false after so many milliseconds. */
export async function endsWithin(ms: number, ended: Promise<unknown>, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  void ended.then(() => over.abort());
  await clock.sleep(ms, over.signal);
  return over.signal.aborted;
}
