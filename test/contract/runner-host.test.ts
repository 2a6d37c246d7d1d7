// The runner contract on real child processes, over a step host that has no Dagster but keeps to
// the frames.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import type { StepId } from "../../core/step/step.ts";
import { stepHost } from "../support/dagster/step-hosts.ts";
import { stepOrder } from "../support/dagster/step-orders.ts";
import { runnerContract } from "./runner.ts";

runnerContract("step host", async (t) => {
  const { runner, folder, alive } = await stepHost(t, "well-behaved", (logs) => [logs], { clock: systemClock });
  await runner.start();
  let steps = 0;
  const named = (deed: string, runId?: string) => {
    steps += 1;
    return stepOrder(`${deed}.${steps}`, runId);
  };
  return {
    runner,
    order: async (deed) => named(deed),
    orderOfFinishedRun: async () => named("succeeds", "over"),
    events: (step) => events(folder, step),
    processes: () => alive().filter(({ parent }) => parent !== process.pid).length,
  };
});

async function events(folder: string, { runId, stepKey, attempt }: StepId): Promise<readonly string[]> {
  try {
    const log = await readFile(join(folder, encodeURIComponent(`${runId}:${stepKey}:${attempt}`)), "utf8");
    return log.split("\n").slice(0, -1);
  } catch {
    return []; // nothing was written yet
  }
}
