// Kills the process of one piece of work, through its step host while that answers and without it
// otherwise.
import type { Clock } from "../clock.ts";
import { killGroup } from "../process-group.ts";
import type { HostProcess } from "./host-process.ts";
import type { Work } from "./work.ts";

/**
 * A host may be busy for longer, importing a code location. The group is then killed without it,
 * inside the lease's margin.
 */
const KILL_HEARD_MS = 1_000;
/**
 * A host that has not reaped a killed process by then is stuck. It is killed itself, with
 * everything below it.
 */
const KILL_ANSWER_MS = 5_000;

export async function killWork(host: HostProcess, id: string, work: Work, clock: Clock): Promise<void> {
  host.send({ type: "kill", id, signal: "SIGKILL" });
  if ((await clock.within(KILL_HEARD_MS, work.ended)).inTime) return;
  if (work.pid !== null) await killGroup(work.pid, clock);
  if (!(await clock.within(KILL_ANSWER_MS - KILL_HEARD_MS, work.ended)).inTime) host.kill();
}
