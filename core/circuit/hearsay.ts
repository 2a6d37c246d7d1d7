// Checks a step process's claim before it closes the intake for every other step. Such a process
// runs user code. The host runs none, so it looks itself.

import { shortened } from "../formats/shortened.ts";
import { unlessAborted } from "../on-abort.ts";
import type { Ending, Runner, StepOrder } from "../runner/port.ts";

type Fault = Extract<Ending, { kind: "fault" }>;

/** The claim goes into the run's log. */
const LONGEST_CLAIM = 500;

/**
 * Resolves with whether the claim holds. For Dagster's storage, the host writes an event to the
 * step's run, so a database that can only be read fails, too. For the code, the host imports it
 * once more. Resolves with `null` if `signal` aborts first.
 */
export async function confirms(
  runner: Pick<Runner, "notice" | "probe">,
  { envelope }: Pick<StepOrder, "envelope">,
  fault: Fault,
  signal: AbortSignal,
): Promise<boolean | null> {
  const looked = fault.scope === "instance" ? canWrite(runner, envelope, fault) : canImport(runner, envelope.runId);
  const isWell = await unlessAborted(signal, looked);
  return isWell === null ? null : !isWell;
}

async function canWrite(
  runner: Pick<Runner, "notice">,
  { runId, stepKey }: StepOrder["envelope"],
  { error }: Fault,
): Promise<boolean> {
  const claim = shortened(`${error.class}: ${error.message}`, LONGEST_CLAIM);
  const message = `Step ${stepKey} goes back to the queue. Its process reports that Dagster's storage failed, but the worker could write this event there: ${claim}`;
  return await runner.notice({ runId, stepKey, level: "warning", message, metadata: {} });
}

async function canImport(runner: Pick<Runner, "probe">, runId: string): Promise<boolean> {
  return (await runner.probe(runId)) === null;
}
