// Counts the outcomes that the ledger recorded for this worker, by their state. Pure.
import type { ExecutionState } from "../step/step.ts";

export type OutcomeCounts = Record<ExecutionState, number>;

export function noOutcomes(): OutcomeCounts {
  const none = { success: 0, failure: 0, up_for_retry: 0, resource_init_failure: 0 };
  return { ...none, run_over: 0, reported: 0, parked: 0, malformed: 0 };
}
