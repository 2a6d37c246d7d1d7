// Ends what a chaos run has left, also what stands still, once the run is gone. It is a session of
// its own, and its standard input ends with the run.
import { once } from "node:events";
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { endProcesses, markedProcesses } from "../../test/support/taskiq/marked-processes.ts";

/** The run's DAGSTER_HOME, which all of its processes have in their environment. */
const [home = ""] = process.argv.slice(2);
process.stdin.resume();
await once(process.stdin, "close");
for (let left = markedProcesses(`DAGSTER_HOME=${home}`); left.length > 0; ) {
  endProcesses(left);
  await pause(50);
  left = markedProcesses(`DAGSTER_HOME=${home}`);
}
rmSync(home, { recursive: true, force: true });
