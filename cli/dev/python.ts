// Finds out, before anything starts, what is installed in the Python that runs the user's code.
import * as v from "valibot";
import { systemClock } from "../../core/clock.ts";
import { Fault } from "../../core/faults.ts";
import type { Env } from "../options/resolve.ts";
import { Program } from "./program.ts";

/** Imports none of the packages: that would take seconds. */
const SCRIPT = `
import importlib.metadata, json, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
names = ("dagster", "dagster-taskiq", "dagster-webserver")
print(json.dumps({"executable": sys.executable, "packages": {name: version(name) for name in names}}))
`;

const answer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ executable: v.string(), packages: v.record(v.string(), v.nullable(v.string())) }),
);

/** A Python starts in less than a second. */
const ANSWER_MS = 60_000;

/** Rejects with a `Fault` that names the Python, what it lacks, and what to type. */
export async function requirePackages(python: string, env: Env, { ui }: { readonly ui: boolean }): Promise<void> {
  const { executable, packages } = await ask(python, env);
  const needed = ["dagster", "dagster-taskiq", ...(ui ? ["dagster-webserver"] : [])];
  const missing = needed.filter((name) => packages[name] == null);
  if (missing.length === 0) return;
  const without = missing.join() === "dagster-webserver" ? " Or start without the UI: --no-ui." : "";
  const verb = missing.length === 1 ? "is" : "are";
  throw new Fault("TQ_CONFIG", `${missing.join(", ")} ${verb} not installed in ${executable}`, {
    hint: `Try: ${executable} -m pip install ${missing.join(" ")}. Or name your project's Python: --python .venv/bin/python.${without}`,
  });
}

async function ask(python: string, env: Env): Promise<v.InferOutput<typeof answer>> {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const program = new Program({
    command: [python, "-c", SCRIPT],
    env,
    onLine: (line, from) => lines[from].push(line),
    stopSignal: "SIGTERM",
    graceMs: 0,
  });
  const { inTime } = await systemClock.within(ANSWER_MS, program.closed);
  if (!inTime) await program.stop(AbortSignal.abort());
  const how = await program.closed;
  const read = v.safeParse(answer, lines.stdout.join("\n"));
  if (read.success) return read.output;
  throw new Fault("TQ_CONFIG", `the Python ${python} cannot be used: ${lines.stderr.at(-1) ?? how}`, {
    hint: "Name your project's Python: --python .venv/bin/python.",
  });
}
