// The real step host on a real Dagster instance, run by the worker's own runner, and orders for
// steps of runs that nothing else executes.
import { randomUUID } from "node:crypto";
import { systemClock } from "../../../core/clock.ts";
import { HostRunner } from "../../../core/runner/host.ts";
import type { StepOrder } from "../../../core/runner/port.ts";
import { Observations } from "../observations.ts";
import type { Deployment } from "../taskiq/deployment.ts";
import { type MarkedProcess, markedProcesses } from "../taskiq/marked-processes.ts";
import { DEFINITIONS_PARENT, PYTHON } from "./dagster-sidecar.ts";
import { stepOrder } from "./step-orders.ts";

const HOST_START_MS = 120_000;
const SPAWNED = "dagster_taskiq.host.spawned";

export interface DagsterHost {
  readonly runner: HostRunner;
  readonly logged: Observations;
  /**
   * How many processes of steps live below the host: its recorder, its location host and an
   * interpreter that waits are left out.
   */
  readonly processes: () => number;
}

export async function startDagsterHost(deployment: Deployment): Promise<DagsterHost> {
  const id = randomUUID();
  const logged = new Observations();
  const settings = {
    python: PYTHON,
    locationArgs: ["-m", "definitions", "-d", DEFINITIONS_PARENT],
    env: { ...deployment.env, E2E_HOST: id },
    startMs: HOST_START_MS,
  };
  const runner = new HostRunner(settings, { clock: systemClock, observe: logged.observe, chance: Math.random });
  await runner.start();
  const own = ["taskiq-recorder", "taskiq-code"];
  // An interpreter has this name from its order on.
  const waits = ({ command, name }: MarkedProcess) => command.includes(SPAWNED) && name !== "taskiq-step";
  const below = () =>
    markedProcesses(`E2E_HOST=${id}`).filter(
      (each) => each.parent !== process.pid && !own.includes(each.name) && !waits(each),
    );
  return { runner, logged, processes: () => below().length };
}

/** An order for the only step of a new run of that job. */
export async function orderOf(
  { dagster }: Deployment,
  job: string,
  step: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<StepOrder> {
  return stepOrder(step, await dagster.createRun(job, config));
}
