// The ends of the rows: a state and its effect, by name.
import type { Cause, Effect, State, Why } from "../../../../core/delivery/states.ts";
import type { ExecutionState } from "../../../../core/step/step.ts";
import { asking, type EventName, envelope, error, hold, outcome, step, unknownWhy } from "./samples.ts";

export type End = readonly [State, Effect];

export const lost: End = [{ at: "done", disposition: "lost" }, { do: "none" }];
export const released: End = [{ at: "done", disposition: "released" }, { do: "none" }];
export const ackIt: End = [{ at: "acking", disposition: "acked" }, { do: "ack" }];
export const ackBuried: End = [{ at: "acking", disposition: "buried" }, { do: "ack" }];
export const releaseNow: End = [{ at: "releasing" }, { do: "release", after: "now", starts: 0 }];
export const releaseShort: End = [{ at: "releasing" }, { do: "release", after: "short", starts: 0 }];
export const releaseLong: End = [{ at: "releasing" }, { do: "release", after: "long", starts: 0 }];

export const claim = (giveUp: Why | null): End => [
  { at: "claiming", asked: asking(giveUp) },
  { do: "claim", step },
];
export const wait = (giveUp: Why | null): End => [
  { at: "waiting", asked: asking(giveUp) },
  { do: "wait", leftMs: 40_000 },
];
export const execute = (starts: number): End => [
  { at: "executing", hold, step, starts, budget: 3 },
  { do: "execute", hold, envelope },
];
export const report = (starts: number, why: Why): End => [
  { at: "reporting", hold, starts, why },
  { do: "report", hold, step, why },
];
export const bury = (why: Why): End => [
  { at: "burying", why },
  { do: "bury", why },
];
export const settle = (state: ExecutionState, why: Why | null = null): End => [
  { at: "settling", bury: why },
  { do: "settle", hold, outcome: outcome(state) },
];
export const abandon = (
  release: "now" | "short" | "backoff" | "long",
  starts: number,
  giveStartBack: boolean,
  why: Cause | null,
  bury: Why | null = null,
): End => [
  { at: "abandoning", release, starts, bury },
  { do: "abandon", hold, giveStartBack, why },
];
export const unknownInTheWayWhy: Why = { ...unknownWhy, swept: "in_the_way" };
export const interrupted: Cause = { detail: "interrupted before it had an outcome", error: null };
export const noHost: Cause = { detail: "StepProcessDied: was killed by SIGKILL", error };
export const unreported = ({ detail, error }: Cause): Cause => ({
  detail: `its end could not be reported: ${detail}`,
  error,
});
export const released2 = (after: "now" | "short" | "backoff" | "long"): End => [
  { at: "releasing" },
  { do: "release", after, starts: 2 },
];

export const opEnds = [
  "success",
  "failure",
  "up_for_retry",
  "resource_init_failure",
  "run_over",
  "reported",
  "parked",
] as const;
export const nameOf = (state: (typeof opEnds)[number]) =>
  `ended, ${state.replaceAll("_", " ")}` as Extract<EventName, `ended, ${string}`>;
