// What a step process does, and that of a report: the order of looks, events and refusals of the
// step host.

import type { Outcome } from "../../core/runner/frames.ts";
import type { ReportOrder, StepOrder } from "../../core/runner/port.ts";
import type { StepId } from "../../core/step/step.ts";
import { errorInfo, terminalEvents } from "../support/ports/scripted-steps.ts";
import { firstLook, loosely, type ProcessPorts, type StepProcess } from "./step-process.ts";
import type { Deed, StepPlan } from "./workload.ts";

export const FORK_MS = 20;

export interface WorkPorts extends Pick<ProcessPorts, "dagster" | "rules" | "clock"> {
  /** Identity of the Dagster instance; null where it has none. */
  readonly instance: string | null;
  /** Null: the run has no such step. */
  readonly planOf: (step: Pick<StepId, "runId" | "stepKey">) => StepPlan | null;
  /** The run worker said in the log that it sends this attempt. */
  readonly announced: (step: StepId) => boolean;
}

export async function runStep(process: StepProcess, { envelope }: StepOrder, ports: WorkPorts): Promise<void> {
  const { rules, planOf, dagster } = ports;
  const plan = planOf(envelope);
  await process.pause(FORK_MS);
  await process.pass("looking", firstLook);
  if (dagster.down)
    return process.report({ kind: "fault", scope: "instance", error: errorInfo("OperationalError", "down") });
  if (isUnknown(process, ports)) return;
  const { log, over } = process.standing();
  if (over !== null && (rules.readsLog || over.kind === "run_over")) return process.report(over);
  if (plan === null) return process.report({ kind: "run_over", result: process.result("run_over") });
  if (!isOpen(process, ports)) return process.report(notOpen);
  const refusal = refusalOf(
    log.entries.map(({ kind }) => kind),
    envelope.tags,
  );
  if (refusal !== null)
    return process.report({ kind: "rerun_refused", error: errorInfo(refusal, "an earlier start got too far") });
  if (ports.clock.monoMs() < plan.importableFromMs) {
    return process.report({
      kind: "fault",
      scope: "location",
      error: errorInfo("ModuleNotFoundError", "no such module"),
    });
  }
  if (process.recorder !== null) {
    // It was admitted before it is forked.
    await process.pause(FORK_MS);
    await process.pass("forked", loosely);
    if (!process.recorder.alive) return process.report(recorderLost);
    process.recorder.begin(process);
  }
  process.write("STEP_START");
  await process.pause(plan.durationMs / 2);
  await process.pass("working");
  if (plan.poison) return process.die({ how: "exited", code: null, signal: "SIGSEGV" });
  if (plan.dynamic) process.write("DYNAMIC_OUTPUT");
  await process.pause(plan.durationMs / 2);
  await process.pass("ending", loosely);
  const [state, kind] = endOf(plan, envelope.attempt);
  await process.writeTerminal(kind, { kind: state, result: process.result(state) });
  await process.pause(plan.hooksMs);
  await process.pass("hooks");
}

export async function reportStep(
  process: StepProcess,
  { park, retryIn, runId, stepKey }: ReportOrder,
  ports: WorkPorts,
): Promise<void> {
  const { rules, planOf, dagster } = ports;
  await process.pause(FORK_MS);
  await process.pass("looking", firstLook);
  if (dagster.down)
    return process.report({ kind: "fault", scope: "instance", error: errorInfo("OperationalError", "down") });
  if (isUnknown(process, ports)) return;
  const { over } = process.standing();
  if (over !== null && (rules.readsLogBeforeReport || over.kind === "run_over")) return process.report(over);
  if (planOf({ runId, stepKey }) === null)
    return process.report({ kind: "run_over", result: process.result("run_over") });
  if (!isOpen(process, ports)) return process.report(notOpen);
  if (park) return process.report({ kind: "parked", result: process.result("parked") });
  if (process.recorder !== null) {
    if (!process.recorder.alive) return process.report(recorderLost);
    process.recorder.begin(process);
  }
  const kind = retryIn === null ? "STEP_FAILURE" : "STEP_UP_FOR_RETRY";
  await process.writeTerminal(kind, { kind: "reported", result: process.result("reported") });
}

/** Its recorder has ended before its end was recorded. */
export const recorderLost: Outcome = {
  kind: "fault",
  scope: "instance",
  error: errorInfo("RecorderLost", "the recorder has ended"),
};

const notOpen: Outcome = { kind: "not_open", error: errorInfo("NotOpen", "its run worker has not sent it") };

function isOpen(process: StepProcess, { rules, announced }: WorkPorts): boolean {
  const { step } = process;
  const { log } = process.standing();
  process.open = !rules.requiresOpen || (log.retries >= step.attempt && announced(step));
  return process.open;
}

function isUnknown(process: StepProcess, { dagster, instance }: WorkPorts): boolean {
  if (dagster.statusOf(process.step.runId) !== null) return false;
  process.report({ kind: "unknown_run", result: process.result("run_over"), instance });
  return true;
}

function refusalOf(kinds: readonly string[], tags: Readonly<Record<string, string>>): string | null {
  if (kinds.includes("DYNAMIC_OUTPUT")) return "DynamicOutputsRecorded";
  return kinds.includes("STEP_START") && tags["taskiq/on_worker_lost"] === "fail" ? "WorkerLost" : null;
}

function endOf({ deeds, retries }: StepPlan, attempt: number) {
  const deed: Deed = deeds[Math.min(attempt, deeds.length - 1)] ?? "succeeds";
  if (deed === "succeeds") return ["success", terminalEvents.success] as const;
  if (deed === "cannot_initialize") return ["resource_init_failure", terminalEvents.resource_init_failure] as const;
  return attempt < retries
    ? (["up_for_retry", terminalEvents.up_for_retry] as const)
    : (["failure", terminalEvents.failure] as const);
}
