// The moves a delivery can make: each pairs the next state with the one effect that leads out of it. Pure.
import type { ErrorInfo, ExecutionResult } from "../step/step.ts";
import type { Cause, Disposition, Effect, Release, State, Why } from "./states.ts";

export type Move = readonly [State, Effect];

export function claim(giveUp: Why | null): Move {
  return [{ at: "claiming", giveUp }, { do: "claim" }];
}

export function wait(giveUp: Why | null, leftMs: number): Move {
  return [
    { at: "waiting", giveUp },
    { do: "wait", leftMs },
  ];
}

/** A run that this worker's Dagster does not know: a worker of its own instance may still come for the message. */
export function leaveToOthers(why: Why, spent: boolean): Move {
  const { after, toBury } = afterStranger(why, spent);
  return toBury === null ? release(after) : bury(toBury);
}

/** The same after a claim, which cost no start. */
export function abandonToOthers(fence: number, starts: number, why: Why, spent: boolean): Move {
  const { after, toBury } = afterStranger(why, spent);
  return abandon(fence, starts, after, { giveStartBack: true, bury: toBury });
}

/** A claim that cost no start, of a message that asks for nothing that may be run. */
export function abandonToBury(fence: number, starts: number, why: Why): Move {
  return abandon(fence, starts, "now", { giveStartBack: true, bury: why });
}

function afterStranger(why: Why, spent: boolean): { readonly after: Release; readonly toBury: Why | null } {
  if (why.swept === "aside") return { after: "now", toBury: null };
  return { after: "short", toBury: spent || why.swept === "in_the_way" ? why : null };
}

export function settle(fence: number, outcome: ExecutionResult, why: Why | null): Move {
  return [
    { at: "settling", fence, bury: why },
    { do: "settle", fence, outcome },
  ];
}

export function report(fence: number, starts: number, why: Why): Move {
  return [
    { at: "reporting", fence, starts, why },
    { do: "report", fence, why },
  ];
}

export function abandon(
  fence: number,
  starts: number,
  after: Release,
  {
    giveStartBack = false,
    why = null,
    bury = null,
  }: { giveStartBack?: boolean; why?: Cause | null; bury?: Why | null },
): Move {
  return [
    { at: "abandoning", release: after, starts, bury },
    { do: "abandon", fence, giveStartBack, why },
  ];
}

export function bury(why: Why): Move {
  return [
    { at: "burying", why },
    { do: "bury", why },
  ];
}

export function ack(disposition: "acked" | "buried"): Move {
  return [{ at: "acking", disposition }, { do: "ack" }];
}

export function release(after: Release, starts = 0): Move {
  return [{ at: "releasing" }, { do: "release", after, starts }];
}

export function done(disposition: Disposition): Move {
  return [{ at: "done", disposition }, { do: "none" }];
}

export const interrupted: Cause = { detail: "interrupted before it had an outcome", error: null };

export function blame(error: ErrorInfo): Cause {
  return { detail: `${error.class}: ${error.message}`, error };
}

export function unreported({ detail, error }: Cause): Cause {
  return { detail: `its end could not be reported: ${detail}`, error };
}

/** A report that found the attempt over already has nothing to bury: the log's outcome stands. A body that nobody can read is buried all
 * the same, and what SQS buried of a run that is over stays buried: it says which step the run never got. */
export function staysDead({ state }: ExecutionResult, why: Why): boolean {
  const ours = state === "reported" || state === "parked";
  return ours || why.reason === "malformed" || (isSwept(why) && state === "run_over");
}

export function isSwept(giveUp: Why | null): boolean {
  return giveUp?.swept !== undefined;
}
