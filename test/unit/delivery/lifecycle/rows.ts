// The life of a delivery as the design has it, written out a second time. The tests compare
// `core/delivery/lifecycle.ts` with these rows, and every pair that has no row here must throw
// there.
import type { Cause, Effect, State } from "../../../../core/delivery/states.ts";
import {
  abandon,
  ackBuried,
  ackIt,
  bury,
  claim,
  execute,
  interrupted,
  lost,
  nameOf,
  noHost,
  opEnds,
  released,
  released2,
  releaseLong,
  releaseNow,
  releaseShort,
  report,
  settle,
  unknownInTheWayWhy,
  unreported,
  wait,
} from "./row-ends.ts";
import {
  crashLoopWhy,
  type EventName,
  error,
  faultWhy,
  inTheWayWhy,
  malformedWhy,
  mismatchWhy,
  notOpenWhy,
  otherInTheWayWhy,
  otherWhy,
  refusedWhy,
  rerunWhy,
  type StateName,
  sweptMalformedWhy,
  sweptWhy,
  timedOutWhy,
  unknownWhy,
  unsignedWhy,
} from "./samples.ts";

export type Row = readonly [from: StateName, on: EventName, to: State, effect: Effect];
const claiming: readonly Row[] = [
  ["claiming", "granted within budget", ...execute(2)],
  ["claiming", "granted for the last time", ...execute(3)],
  ["claiming", "granted beyond budget", ...report(4, crashLoopWhy)],
  ["claiming", "held", ...wait(null)],
  ["claiming", "settled, completed", ...ackIt],
  ["claiming", "settled, failed", ...ackIt],
  ["claiming", "settled, dead", ...bury({ reason: "settled_dead", detail: error.message, error })],
  [
    "claiming",
    "settled, dead without an error",
    ...bury({ reason: "settled_dead", detail: "settled as parked", error: null }),
  ],
  ...(["claiming", "claiming a swept one", "claiming one in the way"] as const).flatMap((from): Row[] => [
    [from, "granted, another body's", ...abandon("short", 2, true, null, mismatchWhy)],
    [from, "granted, another body's beyond budget", ...abandon("short", 4, true, null, mismatchWhy)],
  ]),
  ["claiming", "row unreadable", ...releaseLong],
  ["claiming", "row refused", ...bury(refusedWhy)],
  ["claiming", "ledger unreachable", ...releaseShort],
  ["claiming", "stopping", ...releaseNow],
  ["claiming a malformed one", "granted within budget", ...report(2, malformedWhy)],
  ["claiming a malformed one", "granted for the last time", ...report(3, malformedWhy)],
  ["claiming a malformed one", "granted beyond budget", ...report(4, malformedWhy)],
  ["claiming a malformed one", "granted, another body's", ...abandon("short", 2, true, null, malformedWhy)],
  [
    "claiming a malformed one",
    "granted, another body's beyond budget",
    ...abandon("short", 4, true, null, malformedWhy),
  ],
  ["claiming a malformed one", "held", ...wait(malformedWhy)],
  ["claiming a malformed one", "settled, completed", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, failed", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, dead", ...bury(malformedWhy)],
  ["claiming a malformed one", "settled, dead without an error", ...bury(malformedWhy)],
  ["claiming a malformed one", "row unreadable", ...releaseLong],
  ["claiming a malformed one", "row refused", ...bury(refusedWhy)],
  ["claiming a malformed one", "ledger unreachable", ...releaseShort],
  ["claiming a malformed one", "stopping", ...releaseNow],
  ...(
    [
      ["claiming a swept one", sweptWhy, releaseNow, releaseNow],
      [
        "claiming one in the way",
        inTheWayWhy,
        bury({ reason: "settled_dead", detail: error.message, error }),
        bury({ reason: "settled_dead", detail: "settled as parked", error: null }),
      ],
    ] as const
  ).flatMap(([from, why, dead, parked]): Row[] => [
    [from, "granted within budget", ...report(2, why)],
    [from, "granted for the last time", ...report(3, why)],
    [from, "granted beyond budget", ...report(4, why)],
    [from, "held", ...releaseNow],
    [from, "settled, completed", ...ackIt],
    [from, "settled, failed", ...ackIt],
    [from, "settled, dead", ...dead],
    [from, "settled, dead without an error", ...parked],
    [from, "row unreadable", ...releaseNow],
    [from, "row refused", ...bury(refusedWhy)],
    [from, "ledger unreachable", ...releaseShort],
    [from, "stopping", ...releaseNow],
  ]),
  ["claiming a swept malformed one", "granted within budget", ...report(2, sweptMalformedWhy)],
  ["claiming a swept malformed one", "granted for the last time", ...report(3, sweptMalformedWhy)],
  ["claiming a swept malformed one", "granted beyond budget", ...report(4, sweptMalformedWhy)],
  ["claiming a swept malformed one", "granted, another body's", ...abandon("short", 2, true, null, sweptMalformedWhy)],
  [
    "claiming a swept malformed one",
    "granted, another body's beyond budget",
    ...abandon("short", 4, true, null, sweptMalformedWhy),
  ],
  ["claiming a swept malformed one", "held", ...releaseNow],
  ["claiming a swept malformed one", "settled, completed", ...bury(sweptMalformedWhy)],
  ["claiming a swept malformed one", "settled, failed", ...bury(sweptMalformedWhy)],
  ["claiming a swept malformed one", "settled, dead", ...bury(sweptMalformedWhy)],
  ["claiming a swept malformed one", "settled, dead without an error", ...bury(sweptMalformedWhy)],
  ["claiming a swept malformed one", "row unreadable", ...releaseNow],
  ["claiming a swept malformed one", "row refused", ...bury(refusedWhy)],
  ["claiming a swept malformed one", "ledger unreachable", ...releaseShort],
  ["claiming a swept malformed one", "stopping", ...releaseNow],
];

const executing = (["executing", "executing for the last time"] as const).flatMap((from): Row[] => {
  const starts = from === "executing" ? 2 : 3;
  return [
    ...opEnds.map((state): Row => [from, nameOf(state), ...settle(state)]),
    [from, "recorded", ...ackIt],
    [from, "unknown run", ...abandon("short", starts, true, null)],
    [from, "unknown run, spent", ...abandon("short", starts, true, null, unknownWhy)],
    [from, "permit refused", ...lost],
    [from, "lease lost", ...lost],
    [from, "host fault", ...(starts < 3 ? abandon("backoff", 2, false, faultWhy) : report(3, faultWhy))],
    [from, "timed out", ...(starts < 3 ? abandon("backoff", 2, false, timedOutWhy) : report(3, timedOutWhy))],
    [from, "host fault, permitted", ...abandon("backoff", starts, false, faultWhy)],
    [from, "rerun refused", ...report(starts, rerunWhy)],
    [from, "not open", ...abandon("short", starts, true, null, notOpenWhy)],
    [from, "unavailable", ...abandon("short", starts, true, noHost)],
    [from, "interrupted", ...abandon("now", starts, true, interrupted)],
  ];
});

const given = {
  reporting: [4, crashLoopWhy],
  "reporting a malformed one": [1, malformedWhy],
  "reporting a swept one": [2, sweptWhy],
  "reporting one in the way": [2, inTheWayWhy],
} as const;
const ours = ["reported", "parked"] as const;
/** What goes to the dead letter queue although the attempt was over already. */
const kept = {
  reporting: [],
  "reporting a malformed one": opEnds,
  "reporting a swept one": ["run_over"],
  "reporting one in the way": ["run_over"],
} as const;
/** What becomes of one whose run is unknown, at first and once it is spent. */
const unknown = {
  reporting: [abandon("short", 4, true, null), abandon("short", 4, true, null, unknownWhy)],
  "reporting a malformed one": [abandon("short", 1, true, null), abandon("short", 1, true, null, malformedWhy)],
  "reporting a swept one": [abandon("now", 2, true, null), abandon("now", 2, true, null)],
  "reporting one in the way": [
    abandon("short", 2, true, null, unknownInTheWayWhy),
    abandon("short", 2, true, null, unknownInTheWayWhy),
  ],
} as const;

const reporting = (Object.keys(given) as (keyof typeof given)[]).flatMap((from): Row[] => {
  const [starts, why] = given[from];
  const buried: readonly string[] = [...ours, ...kept[from]];
  const down: Cause = { detail: "the ledger is down", error: null };
  return [
    ...opEnds.map((state): Row => [from, nameOf(state), ...settle(state, buried.includes(state) ? why : null)]),
    [from, "recorded", ...bury(why)],
    [from, "unknown run", ...unknown[from][0]],
    [from, "unknown run, spent", ...unknown[from][1]],
    [from, "permit refused", ...lost],
    [from, "lease lost", ...lost],
    [from, "not open", ...abandon("short", starts, true, null, why === malformedWhy ? why : notOpenWhy)],
    [from, "host fault", ...abandon("backoff", starts, false, unreported(faultWhy))],
    [from, "host fault, permitted", ...abandon("backoff", starts, false, unreported(faultWhy))],
    [from, "timed out", ...abandon("backoff", starts, false, unreported(timedOutWhy))],
    [from, "unavailable", ...abandon("backoff", starts, false, unreported(noHost))],
    [from, "ledger unreachable", ...abandon("backoff", starts, false, unreported(down))],
    [from, "interrupted", ...abandon("now", starts, false, interrupted)],
  ];
});

const abandoning = (["abandoned", "stale", "ledger unreachable"] as const).flatMap((on): Row[] => [
  ["abandoning after a fault", on, ...released2("backoff")],
  ["abandoning, interrupted", on, ...released2("now")],
  ["abandoning, no host", on, ...released2("short")],
  ["abandoning another body's", on, ...(on === "ledger unreachable" ? released2("short") : bury(mismatchWhy))],
  ["abandoning one that is not open", on, ...(on === "abandoned" ? bury(notOpenWhy) : released2("short"))],
  ["abandoning, no code", on, ...released2("long")],
]);

export const rows: readonly Row[] = [
  ["received", "decoded", ...claim(null)],
  ["received", "unsigned", ...bury(unsignedWhy)],
  ["received", "of another instance", ...releaseShort],
  ["received", "of another instance, spent", ...bury(otherWhy)],
  ["received", "of another instance, swept", ...releaseNow],
  ["received", "of another instance, in the way", ...bury(otherInTheWayWhy)],
  ["received", "unknown version", ...releaseLong],
  ["received", "unknown version, swept", ...releaseNow],
  ["received", "malformed, no step", ...bury({ reason: "malformed", detail: "expected a JSON object", error: null })],
  ["received", "malformed, step readable", ...claim(malformedWhy)],
  ["received", "swept", ...claim(sweptWhy)],
  ["received", "swept, malformed", ...claim(sweptMalformedWhy)],
  ...claiming,
  ["waiting", "lease ended", ...claim(null)],
  ["waiting", "visibility lost", ...releaseNow],
  ["waiting", "stopping", ...releaseNow],
  ["waiting with a malformed one", "lease ended", ...claim(malformedWhy)],
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
