// The shape of an ExecutionResult, as a step host sends it and the ledger keeps it. Pure.
import * as v from "valibot";
import { shortened } from "../formats/shortened.ts";
import type { ExecutionResult } from "./step.ts";

/** A step host cuts its texts before it sends them; user code that speaks in its place does not. */
const cutAt = (longest: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => shortened(text, longest)),
  );

export const errorInfo = v.object({
  class: cutAt(500),
  message: cutAt(8 * 1024),
  traceback: cutAt(64 * 1024),
});

/** JSON reads 1e400 as infinity, and writes that as null. */
const Seconds = v.pipe(v.number(), v.finite());

/** What a step host says of an attempt's end; `malformed` is never its to say. */
export const hostResult = v.object({
  state: v.picklist(["success", "failure", "up_for_retry", "resource_init_failure", "run_over", "reported", "parked"]),
  output: v.nullable(v.object({ outputs: v.array(v.string()), assets: v.array(v.string()) })),
  error: v.nullable(errorInfo),
  started_at: Seconds,
  completed_at: Seconds,
  execution_time_seconds: Seconds,
});

export const executionResult: v.GenericSchema<unknown, ExecutionResult> = v.object({
  ...hostResult.entries,
  state: v.picklist([...hostResult.entries.state.options, "malformed"]),
});
