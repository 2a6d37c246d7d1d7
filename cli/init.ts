// PID 1 of a container must reap the processes whose parents have ended: a step host that was
// killed leaves many. Node never does. So where taskiq finds itself to be PID 1, it puts a small
// init in its place (init.py), in the Python that it needs anyway, and runs below that.
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The text of init.py. Replaced when the bundle is built; not there when the sources run as they
 * are.
 */
declare const TASKIQ_INIT: string | undefined;

type Self = Pick<typeof process, "pid" | "env" | "execPath" | "execve">;

/** No environment, no user's packages, no `sitecustomize`: no user code runs in PID 1. */
const BARE = ["-I", "-S", "-c"];

/**
 * Where an init is missing, it does not return: this process becomes one, which runs the same
 * command again. Nothing may have been opened or written yet. Answers null where there is one, and
 * else a warning that says why it was not possible.
 *
 * @param python a path or the name of a program, as `--python` has it
 */
export function runUnderInit(python: string, self: Self = process): string | null {
  if (self.pid !== 1) return null;
  const missing = "this is PID 1 and can reap no orphans, which a step host that dies leaves behind as zombies";
  try {
    const program = findProgram(python, self.env["PATH"] ?? "");
    if (program === null) return `${missing}: there is no ${python}`;
    // Deno has none.
    if (typeof self.execve !== "function") return `${missing}: start the container with an init (docker run --init)`;
    const text =
      typeof TASKIQ_INIT === "string" ? TASKIQ_INIT : readFileSync(new URL("init.py", import.meta.url), "utf8");
    // The environment is named, because Node 22 gives an empty one otherwise.
    return self.execve(program, [python, ...BARE, text, self.execPath, ...ownCommandLine()], self.env);
  } catch (error) {
    return `${missing}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** As the kernel was given it, options of the runtime included. */
function ownCommandLine(): readonly string[] {
  return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
}

/** As a shell finds it; execve does not look, and may end the process when there is nothing. */
function findProgram(name: string, path: string): string | null {
  const folders = name.includes("/") ? [""] : path.split(delimiter);
  const paths = folders.map((folder) => (folder === "" ? name : join(folder, name)));
  return paths.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
