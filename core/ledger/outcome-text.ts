// An outcome as the ledger's text column holds it: the fields in one fixed order, so that equal
// outcomes are equal texts.
import * as v from "valibot";
import { parseJson } from "../formats/json.ts";
import { executionResult } from "../step/result.ts";
import type { ExecutionResult } from "../step/step.ts";

/**
 * Lone surrogates and NULs come out as JSON escapes, so any text a traceback may hold survives any
 * database's text column.
 */
export function encodeOutcome(outcome: ExecutionResult): string {
  const { state, output, error, started_at, completed_at, execution_time_seconds } = outcome;
  return JSON.stringify({
    state,
    output: output && { outputs: output.outputs, assets: output.assets },
    error: error && { class: error.class, message: error.message, traceback: error.traceback },
    started_at,
    completed_at,
    execution_time_seconds,
  });
}

/**
 * Accepts any JSON text, because an operator may have changed the column by hand. Text that is not
 * an outcome fails with valibot's first issue.
 */
export function decodeOutcome(text: string): v.SafeParseResult<typeof executionResult> {
  return v.safeParse(executionResult, parseJson(text));
}
