// Re-execution of the runs that dead letters belong to: one launch for a run, however many of its steps lie there and however often it is asked for.
import type { Clock } from "../../clock.ts";
import type { DagsterApi, Reexecution } from "../../dagster/port.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { JoinedLetter } from "../verdict.ts";

export type ReexecutionEnd =
  | { readonly kind: "launched"; readonly run: Reexecution }
  | ReexecutionStop
  /** Dagster says no; `why` is a sentence. */
  | { readonly kind: "refused"; readonly why: string }
  /** Whether it was launched is not known. */
  | { readonly kind: "in_doubt"; readonly why: string }
  /** Another operator is at it, or was a moment ago and does not know whether it was launched. */
  | { readonly kind: "in_hand" };

/** Why there is nothing to launch. */
export type ReexecutionStop =
  | { readonly kind: "already"; readonly run: Reexecution }
  /** Somebody created it just now, and it is not launched yet. */
  | { readonly kind: "being_launched"; readonly runId: string }
  /** It still runs, or waits to. */
  | { readonly kind: "goes_on"; readonly status: string }
  | { readonly kind: "succeeded" }
  | { readonly kind: "no_such_run" };

export type ReexecutionPlan = { readonly kind: "to_launch"; readonly status: string } | ReexecutionStop;

export interface ReexecutionPorts {
  readonly dagster: Pick<DagsterApi, "findRun" | "reexecuteFromFailure">;
  /** Null: two operators at the same instant may both launch. */
  readonly ledger: Pick<Ledger, "lock"> | null;
  readonly clock: Pick<Clock, "wallMs">;
  /** This operator's identity, which no other process has. */
  readonly operator: string;
}

/** Longer than a launch may take with all that is done for its answer; one in doubt keeps everyone else from trying for as long. */
const LOCK_MS = 300_000;
/** Dagster launches a run within seconds of its creation; what is older than this never will be, and stands in nobody's way. */
const LAUNCHED_WITHIN_MS = 300_000;

/** Each run once, in the order in which its first letter comes; of letters that name no step, none. */
export function runsOf(letters: readonly JoinedLetter[]): ReadonlyMap<string, readonly JoinedLetter[]> {
  return Map.groupBy(
    letters.filter(({ letter }) => letter.step !== null),
    ({ letter }) => letter.step?.runId ?? "",
  );
}

/** Changes nothing. Rejects with a `Fault` when Dagster cannot be asked. */
export async function planReexecution(runId: string, { dagster, clock }: ReexecutionPorts): Promise<ReexecutionPlan> {
  const run = await dagster.findRun(runId);
  if (run === null) return { kind: "no_such_run" };
  // Whoever launched it, and however it ended: what is left to do is that run's to do, or a re-execution's of that run.
  if (run.reexecution !== null) return { kind: "already", run: run.reexecution };
  if (run.status === "SUCCESS") return { kind: "succeeded" };
  const { unlaunched } = run;
  if (unlaunched !== null && clock.wallMs() - unlaunched.createdAtMs < LAUNCHED_WITHIN_MS)
    return { kind: "being_launched", runId: unlaunched.runId };
  // Dagster re-executes from failure what has ended so, and nothing else.
  const over = run.status === "FAILURE" || run.status === "CANCELED";
  return over ? { kind: "to_launch", status: run.status } : { kind: "goes_on", status: run.status };
}

/** Rejects with a `Fault` when Dagster or the ledger cannot be reached, and nothing was launched. */
export async function reexecute(runId: string, ports: ReexecutionPorts): Promise<ReexecutionEnd> {
  const { ledger, operator } = ports;
  const lock = async (ms: number) => (ledger === null ? true : await ledger.lock(`reexecute ${runId}`, operator, ms));
  if (!(await lock(LOCK_MS))) return { kind: "in_hand" };
  let end: ReexecutionEnd | null = null;
  try {
    end = await launchOnce(runId, ports);
    return end;
  } finally {
    // Dagster may launch it yet: whoever comes next must find it, or wait.
    if (end?.kind !== "in_doubt") await lock(0);
  }
}

async function launchOnce(runId: string, ports: ReexecutionPorts): Promise<ReexecutionEnd> {
  const plan = await planReexecution(runId, ports);
  return plan.kind === "to_launch" ? await ports.dagster.reexecuteFromFailure(runId) : plan;
}

/** What is to be done with the run, or was. */
export function reexecutionWords(plan: ReexecutionPlan | ReexecutionEnd): string {
  switch (plan.kind) {
    case "to_launch":
      return `ended in ${plan.status}: re-execute from failure`;
    case "launched":
      return `re-executed as ${plan.run.runId}`;
    case "already":
      return `re-executed already as ${plan.run.runId} (${plan.run.status}): if anything is left to do, re-execute that one`;
    case "being_launched":
      return `a re-execution was created a moment ago, ${plan.runId}, and is not launched yet: start this again in 5 minutes`;
    case "goes_on":
      return `not over yet (${plan.status}): re-execute it when it has ended`;
    case "succeeded":
      return "succeeded: nothing to re-execute";
    case "no_such_run":
      return "unknown to this Dagster: nothing to re-execute";
    case "refused":
      return `not re-executed: ${plan.why}`;
    case "in_doubt":
      return `perhaps re-executed: ${plan.why}; look in Dagster, or start this again in 5 minutes`;
    case "in_hand":
      return "being re-executed by another operator, or was a moment ago without an answer; start this again in 5 minutes";
  }
}
