// The life of one delivery: `advance(state, event) → [state, effect]`, one effect at a time. Pure; `core/executor.ts` performs the effects.
//
// | State      | Event                                   | Next                  | Effect |
// |------------|-----------------------------------------|-----------------------|--------|
// | received   | decoded                                 | claiming              | claim |
// | received   | unknown version                         | releasing             | release (long): a deploy is under way |
// | received   | malformed, no readable step             | burying               | bury |
// | received   | malformed, run and step readable        | claiming              | claim, to report before burying |
// | claiming   | granted, starts ≤ budget                | executing             | execute |
// | claiming   | granted, starts > budget or malformed   | reporting             | report (crash loop / malformed) |
// | claiming   | held                                    | waiting               | wait: visibility extended, no slot, no receive spent |
// | claiming   | settled                                 | acking                | ack; bury first when dead or malformed |
// | claiming   | ledger unreachable                      | releasing             | release (short): never execute unclaimed |
// | claiming   | stopping                                | releasing             | release (now) |
// | waiting    | lease ended                             | claiming              | claim |
// | waiting    | visibility lost, stopping               | releasing             | release (now) |
// | executing  | ended                                   | settling              | settle |
// | executing  | permit refused, lease lost              | done (lost)           | none: the process is dead; write nothing, ack nothing |
// | executing  | host fault, starts < budget or permitted | abandoning           | abandon |
// | executing  | host fault, starts = budget             | reporting             | report |
// | executing  | unavailable                             | abandoning            | abandon, start given back |
// | executing  | rerun refused                           | reporting             | report |
// | executing  | interrupted                             | abandoning            | abandon, start given back |
// | reporting  | ended                                   | settling              | settle; what stood in the log already is acked, what we reported is buried |
// | reporting  | host fault, unavailable, ledger unreachable, interrupted | abandoning | abandon |
// | reporting  | permit refused, lease lost              | done (lost)           | none |
// | settling   | recorded                                | acking or burying     | ack / bury |
// | settling   | stale                                   | done (lost)           | none: another fence owns it |
// | settling   | ledger unreachable (until the lease ends) | releasing           | release (short) |
// | abandoning | abandoned, stale, ledger unreachable    | releasing             | release (backoff; now when interrupted) |
// | burying    | buried                                  | acking                | ack |
// | burying    | bury failed                             | releasing             | release (short): better two dead letters than none |
// | acking     | acked, ack failed                       | done                  | none: a redelivery finds the ledger's row |
// | releasing  | released, release failed                | done                  | none: visibility ends by itself |
//
// A process that died with its permit spent may have a write in flight: its attempt is abandoned, never reported under the same
// fence, because the ledger makes the next claim wait for that write.
import { abandon, ack, bury, done, type Move, release, report, settle } from "./moves.ts";
import type { Event, State, Why } from "./states.ts";
import type { ExecutionResult } from "./step.ts";

type At<Name extends State["at"]> = Extract<State, { at: Name }>;

export const received: State = { at: "received" };

/** Throws on a pair that is not in the table: that is a bug in the shell, never something a message or a step can cause. */
export function advance(state: State, event: Event): Move {
  const move = transition(state, event);
  if (move === null) throw new Error(`no transition from ${state.at} on ${event.is}`);
  return move;
}

function transition(state: State, event: Event): Move | null {
  switch (state.at) {
    case "received":
      return fromReceived(event);
    case "claiming":
      return fromClaiming(state, event);
    case "waiting":
      return fromWaiting(state, event);
    case "executing":
      return fromExecuting(state, event);
    case "reporting":
      return fromReporting(state, event);
    case "settling":
      return fromSettling(state, event);
    case "abandoning":
      return fromAbandoning(state, event);
    case "burying":
      return fromBurying(event);
    case "acking":
      return event.is === "acked" || event.is === "ack_failed" ? done(state.disposition) : null;
    case "releasing":
      return event.is === "released" || event.is === "release_failed" ? done("released") : null;
    case "done":
      return null;
  }
}

function fromReceived(event: Event): Move | null {
  switch (event.is) {
    case "decoded":
      return [{ at: "claiming", malformed: null }, { do: "claim" }];
    case "unknown_version":
      return release("long");
    case "malformed": {
      const why: Why = { reason: "malformed", detail: event.detail, error: null };
      return event.readable ? [{ at: "claiming", malformed: why }, { do: "claim" }] : bury(why);
    }
    default:
      return null;
  }
}

function fromClaiming(state: At<"claiming">, event: Event): Move | null {
  switch (event.is) {
    case "granted":
      return fromGranted(state, event);
    case "held":
      return [
        { at: "waiting", malformed: state.malformed },
        { do: "wait", leftMs: event.leftMs },
      ];
    case "settled":
      return fromSettled(state, event);
    case "ledger_unreachable":
      return release("short");
    case "stopping":
      return release("now");
    default:
      return null;
  }
}

function fromGranted(state: At<"claiming">, event: Extract<Event, { is: "granted" }>): Move {
  const { fence, starts, budget } = event;
  if (state.malformed !== null) return report(fence, starts, state.malformed);
  if (starts > budget) {
    const detail = `started ${starts - 1} times without an outcome; the budget is ${budget}`;
    return report(fence, starts, { reason: "crash_loop", detail, error: null });
  }
  return [
    { at: "executing", fence, starts, budget },
    { do: "execute", fence },
  ];
}

function fromSettled(state: At<"claiming">, event: Extract<Event, { is: "settled" }>): Move {
  if (state.malformed !== null) return bury(state.malformed);
  if (!event.dead) return ack("acked");
  const detail = event.outcome.error?.message ?? `settled as ${event.outcome.state}`;
  return bury({ reason: "settled_dead", detail, error: event.outcome.error });
}

function fromWaiting(state: At<"waiting">, event: Event): Move | null {
  switch (event.is) {
    case "lease_ended":
      return [{ at: "claiming", malformed: state.malformed }, { do: "claim" }];
    case "visibility_lost":
    case "stopping":
      return release("now");
    default:
      return null;
  }
}

function fromExecuting(state: At<"executing">, event: Event): Move | null {
  const { fence, starts, budget } = state;
  switch (event.is) {
    case "ended":
      return settle(fence, event.outcome, null);
    case "permit_refused":
    case "lease_lost":
      return done("lost");
    case "host_fault":
      return starts < budget || event.permitted
        ? abandon(fence, starts, "backoff", { why: event.why })
        : report(fence, starts, event.why);
    case "rerun_refused":
      return report(fence, starts, event.why);
    case "unavailable":
      return abandon(fence, starts, "short", { giveStartBack: true });
    case "interrupted":
      return abandon(fence, starts, "now", { giveStartBack: true });
    default:
      return null;
  }
}

function fromReporting(state: At<"reporting">, event: Event): Move | null {
  const { fence, starts, why } = state;
  switch (event.is) {
    case "ended":
      return settle(fence, event.outcome, isOurs(event.outcome) || why.reason === "malformed" ? why : null);
    case "permit_refused":
    case "lease_lost":
      return done("lost");
    case "host_fault":
    case "unavailable":
    case "ledger_unreachable":
      return abandon(fence, starts, "backoff", {});
    case "interrupted":
      return abandon(fence, starts, "now", {});
    default:
      return null;
  }
}

function fromSettling(state: At<"settling">, event: Event): Move | null {
  switch (event.is) {
    case "recorded":
      return state.bury === null ? ack("acked") : bury(state.bury);
    case "stale":
      return done("lost");
    case "ledger_unreachable":
      return release("short");
    default:
      return null;
  }
}

function fromAbandoning(state: At<"abandoning">, event: Event): Move | null {
  switch (event.is) {
    case "abandoned":
    case "stale":
    case "ledger_unreachable":
      return release(state.release, state.starts);
    default:
      return null;
  }
}

function fromBurying(event: Event): Move | null {
  switch (event.is) {
    case "buried":
      return ack("buried");
    case "bury_failed":
      return release("short");
    default:
      return null;
  }
}

/** A report that found the attempt over already has nothing to bury: the log's outcome stands. */
function isOurs(outcome: ExecutionResult): boolean {
  return outcome.state === "reported" || outcome.state === "parked";
}
