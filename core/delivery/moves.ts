// The moves a delivery can make: each pairs the next state with the one effect that leads out of it. Pure.
import type { ExecutionResult } from "../step.ts";
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
