// Runs a module of the project's Python that prints for people: its output is passed on as it
// comes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { Fault } from "../faults.ts";
import { onAbort } from "../on-abort.ts";
import type { PythonPlace } from "./ask-python.ts";

export interface Printing {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * Resolves with the exit code, or with null if `stop`, or the end of stdout's reader, ended the
 * program. Rejects with a `Fault` (`TQ_CONFIG`) if there is no such Python.
 */
export async function runPython(
  { python, env }: PythonPlace,
  args: readonly string[],
  { stdout, stderr }: Printing,
  stop: AbortSignal,
): Promise<number | null> {
  // In a group of its own: Ctrl-C in the terminal is for its parent alone.
  const child = spawn(python, args, { detached: true, env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(stdout, { end: false });
  child.stderr.pipe(stderr, { end: false });
  const kill = () => child.kill("SIGKILL");
  const disarm = onAbort(stop, kill);
  // The reader has gone, as `head` does.
  stdout.once("error", kill);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code;
  } catch (error) {
    throw didNotRun(python, error);
  } finally {
    disarm();
    stdout.off("error", kill);
  }
}

function didNotRun(python: string, cause: unknown): Fault {
  return new Fault("TQ_CONFIG", `${python} did not run`, { cause, hint: "Check --python." });
}
