// The life of a delivery as the design has it, written out a second time: what `core/lifecycle.ts` does is compared with these
// rows, and every pair that has no row here must throw there.
import type { Effect, State, Why } from "../../../core/states.ts";
import type { ExecutionState } from "../../../core/step.ts";
import {
  crashLoopWhy,
  type EventName,
  error,
  faultWhy,
  malformedWhy,
  outcome,
  rerunWhy,
  type StateName,
} from "./samples.ts";

export type Row = readonly [from: StateName, on: EventName, to: State, effect: Effect];
type End = readonly [State, Effect];

const lost: End = [{ at: "done", disposition: "lost" }, { do: "none" }];
const released: End = [{ at: "done", disposition: "released" }, { do: "none" }];
const ackIt: End = [{ at: "acking", disposition: "acked" }, { do: "ack" }];
const ackBuried: End = [{ at: "acking", disposition: "buried" }, { do: "ack" }];
const releaseNow: End = [{ at: "releasing" }, { do: "release", after: "now", starts: 0 }];
const releaseShort: End = [{ at: "releasing" }, { do: "release", after: "short", starts: 0 }];
const releaseLong: End = [{ at: "releasing" }, { do: "release", after: "long", starts: 0 }];

const execute = (starts: number): End => [
  { at: "executing", fence: 7, starts, budget: 3 },
  { do: "execute", fence: 7 },
];
const report = (starts: number, why: Why): End => [
  { at: "reporting", fence: 7, starts, why },
  { do: "report", fence: 7, why },
];
const bury = (why: Why): End => [
  { at: "burying", why },
  { do: "bury", why },
];
const settle = (state: ExecutionState, why: Why | null = null): End => [
  { at: "settling", fence: 7, bury: why },
  { do: "settle", fence: 7, outcome: outcome(state) },
];
/** `why` stands for a fault; an end that was nobody's fault gives the start back. */
const abandon = (
  release: "now" | "short" | "backoff",
  starts: number,
  giveStartBack: boolean,
  why: Why | null,
): End => [
  { at: "abandoning", release, starts },
  { do: "abandon", fence: 7, giveStartBack, why },
];
const released2 = (after: "now" | "short" | "backoff"): End => [
  { at: "releasing" },
  { do: "release", after, starts: 2 },
];

const opEnds = [
  "success",
  "failure",
  "up_for_retry",
  "resource_init_failure",
  "run_over",
  "reported",
  "parked",
] as const;
const nameOf = (state: (typeof opEnds)[number]) =>
  `ended, ${state.replaceAll("_", " ")}` as Extract<EventName, `ended, ${string}`>;

const claiming: readonly Row[] = [
  ["claiming", "granted within budget", ...execute(2)],
  ["claiming", "granted for the last time", ...execute(3)],
  ["claiming", "granted beyond budget", ...report(4, crashLoopWhy)],
  ["claiming", "held", { at: "waiting", malformed: null }, { do: "wait", leftMs: 40_000 }],
  ["claiming", "settled, completed", ...ackIt],
  ["claiming", "settled, failed", ...ackIt],
  ["claiming", "settled, dead", ...bury({ reason: "settled_dead", detail: error.message, error })],
  [
    "claiming",
    "settled, dead without an error",
    ...bury({ reason: "settled_dead", detail: "settled as parked", error: null }),
  ],
  ["claiming", "ledger unreachable", ...releaseShort],
  ["claiming", "stopping", ...releaseNow],
  ["claiming a malformed one", "granted within budget", ...report(2, malformedWhy)],
  ["claiming a malformed one", "granted for the last time", ...report(3, malformedWhy)],
  ["claiming a malformed one", "granted beyond budget", ...report(4, malformedWhy)],
  ["claiming a malformed one", "held", { at: "waiting", malformed: malformedWhy }, { do: "wait", leftMs: 40_000 }],
  ["claiming a malformed one", "settled, completed", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, failed", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, dead", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, dead without an error", ...bury(malformedWhy)],
  ["claiming a malformed one", "ledger unreachable", ...releaseShort],
  ["claiming a malformed one", "stopping", ...releaseNow],
];

const executing = (["executing", "executing for the last time"] as const).flatMap((from): Row[] => {
  const starts = from === "executing" ? 2 : 3;
  return [
    ...opEnds.map((state): Row => [from, nameOf(state), ...settle(state)]),
    [from, "permit refused", ...lost],
    [from, "lease lost", ...lost],
    [from, "host fault", ...(starts < 3 ? abandon("backoff", 2, false, faultWhy) : report(3, faultWhy))],
    [from, "host fault, permitted", ...abandon("backoff", starts, false, faultWhy)],
    [from, "rerun refused", ...report(starts, rerunWhy)],
    [from, "unavailable", ...abandon("short", starts, true, null)],
    [from, "interrupted", ...abandon("now", starts, true, null)],
  ];
});

const reporting = (["reporting", "reporting a malformed one"] as const).flatMap((from): Row[] => {
  const [starts, why] = from === "reporting" ? [4, crashLoopWhy] : [1, malformedWhy];
  const ours = new Set<ExecutionState>(["reported", "parked"]);
  const buries = (state: ExecutionState) => (ours.has(state) || why === malformedWhy ? why : null);
  return [
    ...opEnds.map((state): Row => [from, nameOf(state), ...settle(state, buries(state))]),
    [from, "permit refused", ...lost],
    [from, "lease lost", ...lost],
    [from, "host fault", ...abandon("backoff", starts, false, null)],
    [from, "host fault, permitted", ...abandon("backoff", starts, false, null)],
    [from, "unavailable", ...abandon("backoff", starts, false, null)],
    [from, "ledger unreachable", ...abandon("backoff", starts, false, null)],
    [from, "interrupted", ...abandon("now", starts, false, null)],
  ];
});

const abandoning = (["abandoned", "stale", "ledger unreachable"] as const).flatMap((on): Row[] => [
  ["abandoning after a fault", on, ...released2("backoff")],
  ["abandoning, interrupted", on, ...released2("now")],
  ["abandoning, no host", on, ...released2("short")],
]);

export const rows: readonly Row[] = [
  ["received", "decoded", { at: "claiming", malformed: null }, { do: "claim" }],
  ["received", "unknown version", ...releaseLong],
  ["received", "malformed, no step", ...bury({ reason: "malformed", detail: "expected a JSON object", error: null })],
  ["received", "malformed, step readable", { at: "claiming", malformed: malformedWhy }, { do: "claim" }],
  ...claiming,
  ["waiting", "lease ended", { at: "claiming", malformed: null }, { do: "claim" }],
  ["waiting", "visibility lost", ...releaseNow],
  ["waiting", "stopping", ...releaseNow],
  ["waiting with a malformed one", "lease ended", { at: "claiming", malformed: malformedWhy }, { do: "claim" }],
  ["waiting with a malformed one", "visibility lost", ...releaseNow],
  ["waiting with a malformed one", "stopping", ...releaseNow],
  ...executing,
  ...reporting,
  ["settling", "recorded", ...ackIt],
  ["settling", "stale", ...lost],
  ["settling", "ledger unreachable", ...releaseShort],
  ["settling a dead one", "recorded", ...bury(crashLoopWhy)],
  ["settling a dead one", "stale", ...lost],
  ["settling a dead one", "ledger unreachable", ...releaseShort],
  ...abandoning,
  ["burying", "buried", ...ackBuried],
  ["burying", "bury failed", ...releaseShort],
  ["acking", "acked", { at: "done", disposition: "acked" }, { do: "none" }],
  ["acking", "ack failed", { at: "done", disposition: "acked" }, { do: "none" }],
  ["acking a buried one", "acked", { at: "done", disposition: "buried" }, { do: "none" }],
  ["acking a buried one", "ack failed", { at: "done", disposition: "buried" }, { do: "none" }],
  ["releasing", "released", ...released],
  ["releasing", "release failed", ...released],
];
