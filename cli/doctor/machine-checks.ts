// What `taskiq doctor` finds on the machine itself: directories, and the task that it runs in.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeError } from "../../core/faults.ts";
import { formatDuration } from "../../core/formats/durations.ts";
import type { LedgerSchema } from "../../core/ledger/schema.ts";
import { type Finding, fail, ok, perform, warn } from "./check.ts";

export async function checkLedger(open: () => Promise<LedgerSchema>, withinMs: number): Promise<readonly Finding[]> {
  return await perform("ledger", withinMs, async () => {
    const schema = await open();
    try {
      const pending = await schema.pending();
      if (pending.length === 0) return [ok("ledger", `${schema.name} is up to date`)];
      const names = pending.map(({ version, name }) => `${version} (${name})`).join(", ");
      const todo = "Run taskiq migrate with a role that may create tables. Otherwise the first worker does it.";
      return [warn("ledger", `${schema.name} lacks the migrations ${names}`, todo)];
    } finally {
      await schema.close();
    }
  });
}

export function checkHome(home: string): Finding {
  const file = join(home, "dagster.yaml");
  if (existsSync(file)) return ok("dagster home", `${home} has a dagster.yaml`);
  const todo = "Give it the dagster.yaml of your run workers: without one Dagster keeps everything in this directory.";
  return warn("dagster home", `${home} has no dagster.yaml`, todo);
}

/** Writes a file and removes it. */
export function checkTemporary(directory: string): Finding {
  try {
    const made = mkdtempSync(join(directory, "taskiq-doctor-"));
    try {
      writeFileSync(join(made, "file"), "written by taskiq doctor");
    } finally {
      rmSync(made, { recursive: true });
    }
    return ok("temporary files", `${directory} can be written to`);
  } catch (error) {
    const found = `${directory}: ${describeError(error)}`;
    // Deno limits this process alone: steps run in Python.
    if (error instanceof Error && error.name === "NotCapable")
      return warn(
        "temporary files",
        found,
        "Give Deno this permission to have it checked. Steps can write without it.",
      );
    return fail("temporary files", found, "Give it a volume or a tmpfs, or set TMPDIR to a directory of this user.");
  }
}

/** As the worker needs it, beyond its grace, to kill what is left and give it back. */
const AFTER_GRACE_MS = 10_000;
/** ECS's own default, and the most that Fargate allows (ContainerDefinition, stopTimeout). */
const DEFAULT_STOP_MS = 30_000;
const FARGATE_STOP_MS = 120_000;

/**
 * The task's metadata names its launch type but no stop timeout, so only the limits are known.
 * `launchType` is null outside of ECS.
 */
export function checkStopTimeout(graceMs: number, isEcs: boolean, launchType: string | null): Finding {
  if (!isEcs) return ok("stop timeout", `not an ECS task; give it ${formatDuration(graceMs + AFTER_GRACE_MS)} to stop`);
  const needed = formatDuration(graceMs + AFTER_GRACE_MS);
  const found = `the grace of ${formatDuration(graceMs)} needs a stopTimeout of ${needed}`;
  if (launchType === "FARGATE" && graceMs + AFTER_GRACE_MS > FARGATE_STOP_MS)
    return fail("stop timeout", `${found}, and Fargate allows 120s`, "Lower --grace to 110s or less.");
  if (graceMs + AFTER_GRACE_MS <= DEFAULT_STOP_MS) return ok("stop timeout", `${found}; ECS's default is 30s`);
  const todo = "Check stopTimeout in the task definition, which taskiq cannot read from inside the container.";
  return warn("stop timeout", `${found}; ECS's default is 30s`, todo);
}
