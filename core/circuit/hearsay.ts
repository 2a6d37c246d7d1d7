// Claims that closing the intake would rest on. A step's process runs user code, so the host, which has none, looks for itself before such a claim
// closes the intake for every other step.

import { shortened } from "../formats/shortened.ts";
import { unlessAborted } from "../on-abort.ts";
import type { Ending, Runner, StepOrder } from "../runner/port.ts";

type Fault = Extract<Ending, { kind: "fault" }>;

/** What it says goes into the run's log. */
const LONGEST_CLAIM = 500;

/**
 * Resolves with whether the claim holds. Of Dagster's storage, the host writes an event to the step's run: a database that can only be read fails,
 * too. Of the code, the host imports it once more. Null if `signal` aborts first.
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
  const message = `Step ${stepKey} goes back to the queue. Its process says that Dagster's storage failed, and this could be written: ${claim}`;
  return await runner.notice({ runId, stepKey, level: "warning", message, metadata: {} });
}

async function canImport(runner: Pick<Runner, "probe">, runId: string): Promise<boolean> {
  return (await runner.probe(runId)) === null;
}
