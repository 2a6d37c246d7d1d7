// Re-executes the runs of dead letters. A run gets one launch, however many of its steps lie there
// and however often operators ask for it.
import type { Clock } from "../../clock.ts";
import type { DagsterApi, Reexecution } from "../../dagster/port.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { JoinedLetter } from "../verdict.ts";

export type ReexecutionEnd =
  | { readonly kind: "launched"; readonly run: Reexecution }
  | ReexecutionStop
  /** Dagster refuses. `why` is a sentence. */
  | { readonly kind: "refused"; readonly why: string }
  /** It is not known whether it was launched. */
  | { readonly kind: "in_doubt"; readonly why: string }
  /**
   * Another operator is launching it, or was a moment ago and does not know whether it was
   * launched.
   */
  | { readonly kind: "in_hand" };

/** The reason why there is nothing to launch. */
export type ReexecutionStop =
  | { readonly kind: "already"; readonly run: Reexecution }
  /** It was created just now, and is not launched yet. */
  | { readonly kind: "being_launched"; readonly runId: string }
  /** It still runs, or waits to run. */
  | { readonly kind: "goes_on"; readonly status: string }
  | { readonly kind: "succeeded" }
  | { readonly kind: "no_such_run" };

export type ReexecutionPlan = { readonly kind: "to_launch"; readonly status: string } | ReexecutionStop;

export interface ReexecutionPorts {
  readonly dagster: Pick<DagsterApi, "findRun" | "reexecuteFromFailure">;
  /** `null` means that two operators at the same instant may both launch. */
  readonly ledger: Pick<Ledger, "lock"> | null;
  readonly clock: Pick<Clock, "wallMs">;
  /** This operator's identity, which no other process has. */
  readonly operator: string;
}

/**
 * Longer than a launch and its answer may take. A launch in doubt keeps other operators from trying
 * for so long.
 */
const LOCK_MS = 300_000;
/**
 * Dagster launches a run within seconds of its creation. It will never launch an older one, so that
 * does not count.
 */
const LAUNCHED_WITHIN_MS = 300_000;

/** Returns each run once, in the order of its first letter. Letters that name no step have none. */
export function runsOf(letters: readonly JoinedLetter[]): ReadonlyMap<string, readonly JoinedLetter[]> {
  return Map.groupBy(
    letters.filter(({ letter }) => letter.step !== null),
    ({ letter }) => letter.step?.runId ?? "",
  );
}

/** Changes nothing. Rejects with a `Fault` if Dagster cannot be asked. */
export async function planReexecution(runId: string, { dagster, clock }: ReexecutionPorts): Promise<ReexecutionPlan> {
  const run = await dagster.findRun(runId);
  if (run === null) return { kind: "no_such_run" };
  // A re-execution that was launched takes over, however it ended: the rest is up to it, or to a
  // re-execution of it.
  if (run.reexecution !== null) return { kind: "already", run: run.reexecution };
  if (run.status === "SUCCESS") return { kind: "succeeded" };
  const { unlaunched } = run;
  if (unlaunched !== null && clock.wallMs() - unlaunched.createdAtMs < LAUNCHED_WITHIN_MS)
    return { kind: "being_launched", runId: unlaunched.runId };
  // Dagster re-executes from failure only a run that failed or was canceled.
  const over = run.status === "FAILURE" || run.status === "CANCELED";
  return over ? { kind: "to_launch", status: run.status } : { kind: "goes_on", status: run.status };
}

/** Rejects with a `Fault` if Dagster or the ledger cannot be reached. Nothing was launched then. */
export async function reexecute(runId: string, ports: ReexecutionPorts): Promise<ReexecutionEnd> {
  const { ledger, operator } = ports;
  const lock = async (ms: number) => (ledger === null ? true : await ledger.lock(`reexecute ${runId}`, operator, ms));
  if (!(await lock(LOCK_MS))) return { kind: "in_hand" };
  let end: ReexecutionEnd | null = null;
  try {
    end = await launchOnce(runId, ports);
    return end;
  } finally {
    // Dagster may still launch it. The next operator must find it, or wait.
    if (end?.kind !== "in_doubt") await lock(0);
  }
}

async function launchOnce(runId: string, ports: ReexecutionPorts): Promise<ReexecutionEnd> {
  const plan = await planReexecution(runId, ports);
  return plan.kind === "to_launch" ? await ports.dagster.reexecuteFromFailure(runId) : plan;
}

/** Says in words what will be done with the run, or was done. */
export function reexecutionWords(plan: ReexecutionPlan | ReexecutionEnd): string {
  switch (plan.kind) {
    case "to_launch":
      return `ended in ${plan.status}: re-execute from failure`;
    case "launched":
      return `re-executed as ${plan.run.runId}`;
    case "already":
      return `re-executed already as ${plan.run.runId} (${plan.run.status}): if anything is left to do, re-execute that one`;
    case "being_launched":
      return `a re-execution was created a moment ago, ${plan.runId}, and is not launched yet: run this again in 5 minutes`;
    case "goes_on":
      return `not over yet (${plan.status}): re-execute it when it has ended`;
    case "succeeded":
      return "succeeded: nothing to re-execute";
    case "no_such_run":
      return "unknown to this Dagster: nothing to re-execute";
    case "refused":
      return `not re-executed: ${plan.why}`;
    case "in_doubt":
      return `perhaps re-executed: ${plan.why}; look in Dagster, or run this again in 5 minutes`;
    case "in_hand":
      return "being re-executed by another operator, or was a moment ago without an answer; run this again in 5 minutes";
  }
}
