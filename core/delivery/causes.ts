// Why a claim is abandoned, in words. Pure.
import type { ErrorInfo } from "../step/step.ts";
import type { Cause } from "./states.ts";

export const INTERRUPTED: Cause = { detail: "interrupted before it had an outcome", error: null };

export function blame(error: ErrorInfo): Cause {
  return { detail: `${error.class}: ${error.message}`, error };
}

export function unreported({ detail, error }: Cause): Cause {
  return { detail: `its end could not be reported: ${detail}`, error };
}
