// An outcome as the ledger's text column holds it: the fields in one fixed order, so that equal outcomes are equal texts.
import type { ExecutionResult } from "../step.ts";

/** Lone surrogates and NULs come out as JSON escapes, so any text a traceback may hold survives any database's text column. */
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

/** Only ever given what `encodeOutcome` wrote. */
export function decodeOutcome(text: string): ExecutionResult {
  return JSON.parse(text) as ExecutionResult;
}
