// A worker as a container has it: PID 1 of a namespace. Where the user may not make one, taskiq's
// init takes its place, as the subreaper of all below it.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PYTHON } from "../dagster/dagster-sidecar.ts";
import { taskiqCommand } from "./taskiq-command.ts";
import type { WorkerProcess } from "./worker-process.ts";

const init = readFileSync(fileURLToPath(new URL("../../../cli/init.py", import.meta.url)), "utf8");
const namespace = ["--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"];
/**
 * PR_SET_CHILD_SUBREAPER stays over an exec; what the kernel does with orphans is the same as for
 * PID 1.
 */
const becomeSubreaper =
  "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])";

/**
 * As root, or as a user whom the kernel lets be root of a namespace of his own. Undefined where
 * neither holds, and for Deno, which cannot put an init in its place.
 */
const unshare =
  process.env["TASKIQ_TEST_RUNTIME"] === "deno"
    ? undefined
    : [[], ["--user", "--map-root-user"]]
        .map((user) => ["unshare", ...user, ...namespace])
        .find(([program = "", ...args]) => spawnSync(program, [...args, "true"]).status === 0);

/** What to start instead of taskiq. */
export function commandOfPidOne(): readonly [string, ...string[]] {
  const taskiq = taskiqCommand();
  const [first = "", ...rest] = unshare ?? [PYTHON, "-c", becomeSubreaper, PYTHON, "-I", "-S", "-c", init, taskiq[0]];
  return [first, ...rest, ...taskiq];
}

/** The pid, as seen from here, of what has to reap. */
export function pidOneOf(worker: WorkerProcess): number {
  return unshare === undefined ? worker.pid : firstBelow(worker);
}

/** The one child of what started the namespace. */
export function firstBelow(worker: WorkerProcess): number {
  const below = worker.processes().find(({ parent }) => parent === worker.pid);
  if (below === undefined) throw new Error("there is no PID 1 (yet)");
  return below.pid;
}

/**
 * The pids, as seen from here, of the step host and of all below it; the host first. Empty while
 * there is none.
 */
export function hostAndBelow(worker: WorkerProcess): readonly number[] {
  const all = worker.processes();
  const hosts = all.filter(({ command }) => command.includes("-m dagster_taskiq.host"));
  const found = hosts.filter(({ parent }) => !hosts.some(({ pid }) => pid === parent)).map(({ pid }) => pid);
  for (const pid of found) found.push(...all.filter(({ parent }) => parent === pid).map((one) => one.pid));
  return found;
}
