// The shape of an ExecutionResult, as a step host sends it and the ledger keeps it. Pure.
import * as v from "valibot";
import type { ExecutionResult } from "./step.ts";

export const errorInfo = v.object({ class: v.string(), message: v.string(), traceback: v.string() });

/** What a step host says of an attempt's end; `malformed` is never its to say. */
export const hostResult = v.object({
  state: v.picklist(["success", "failure", "up_for_retry", "resource_init_failure", "run_over", "reported", "parked"]),
  output: v.nullable(v.object({ outputs: v.array(v.string()), assets: v.array(v.string()) })),
  error: v.nullable(errorInfo),
  started_at: v.number(),
  completed_at: v.number(),
  execution_time_seconds: v.number(),
});

export const executionResult: v.GenericSchema<unknown, ExecutionResult> = v.object({
  ...hostResult.entries,
  state: v.picklist([...hostResult.entries.state.options, "malformed"]),
});
