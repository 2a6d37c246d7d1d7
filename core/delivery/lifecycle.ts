// The life of one delivery: `advance(state, event) → [state, effect]`, one effect at a time. Pure; `core/delivery/executor.ts` performs the effects.
//
// | State      | Event                                   | Next                  | Effect |
// |------------|-----------------------------------------|-----------------------|--------|
// | received   | decoded                                 | claiming              | claim |
// | received   | without a signature of the worker's keys | burying               | bury: nothing that it says is believed |
// | received   | unknown version, or a too new Dagster   | releasing             | release (long): a deploy is under way |
// | received   | unknown version, or a too new Dagster, swept | releasing        | release (now): the next sweep looks again |
// | received   | malformed, no readable step             | burying               | bury |
// | received   | malformed, run and step readable        | claiming              | claim, to report before burying |
// | received   | of another Dagster instance                | releasing or burying | release (short; now when swept) for a worker of its own; bury once received too often, or in the way |
// | received   | swept: out of the dead letter queue      | claiming              | claim, to report |
// | claiming   | granted, starts ≤ budget                | executing             | execute |
// | claiming   | granted, starts > budget, malformed or swept | reporting        | report (crash loop / malformed / dead lettered) |
// | claiming   | granted, the row is another body's      | abandoning            | abandon, start given back; bury: the first body's attempt is not touched |
// | claiming   | held                                    | waiting               | wait: visibility extended, no slot, no receive spent |
// | claiming   | held, swept                             | releasing             | release (now): the next sweep looks again |
// | claiming   | settled                                 | acking                | ack; bury first when dead or malformed |
// | claiming   | settled as dead, swept                  | releasing             | release (now): a dead letter it is, and stays |
// | claiming   | settled as dead, swept, in the way      | burying               | bury: its copy is a group of its own, and hides no others |
// | claiming   | its row cannot be read                  | releasing             | release (long): a deploy is under way, or an operator mends it |
// | claiming   | its row cannot be read, swept           | releasing             | release (now): the next sweep looks again |
// | claiming   | the ledger takes no row for it            | burying               | bury as malformed |
// | claiming   | ledger unreachable                      | releasing             | release (short): never execute unclaimed |
// | claiming   | stopping                                | releasing             | release (now) |
// | waiting    | lease ended                             | claiming              | claim |
// | waiting    | visibility lost, stopping               | releasing             | release (now) |
// | executing  | ended                                   | settling              | settle |
// | executing  | not open                                | abandoning            | abandon, start given back; bury: the row stays the run's to claim |
// | executing  | unknown run                             | abandoning            | abandon, start given back; then as of another instance |
// | executing  | permit refused, lease lost              | done (lost)           | none: the process is dead, or was never started; write nothing, ack nothing |
// | executing  | host fault, starts < budget or permitted | abandoning           | abandon |
// | executing  | host fault, starts = budget             | reporting             | report |
// | executing  | unavailable                             | abandoning            | abandon, start given back; release (short) |
// | executing  | rerun refused                           | reporting             | report |
// | executing  | interrupted                             | abandoning            | abandon, start given back |
// | reporting  | ended                                   | settling              | settle; what stood in the log already is acked, what we reported is buried |
// | reporting  | not open                                | abandoning            | abandon, start given back; bury: nothing is ended that the run did not send |
// | reporting  | unknown run                             | abandoning            | abandon, start given back; then as of another instance |
// | reporting  | host fault, unavailable, ledger unreachable, interrupted | abandoning | abandon |
// | reporting  | permit refused, lease lost              | done (lost)           | none |
// | settling   | recorded                                | acking or burying     | ack / bury |
// | settling   | stale                                   | done (lost)           | none: another fence owns it |
// | settling   | ledger unreachable (until the lease ends) | releasing           | release (short) |
// | abandoning | abandoned, stale, ledger unreachable    | releasing or burying  | release (backoff; now when interrupted); bury another body |
// | burying    | buried                                  | acking                | ack |
// | burying    | bury failed                             | releasing             | release (short): better two dead letters than none |
// | acking     | acked, ack failed                       | done                  | none: a redelivery finds the ledger's row |
// | releasing  | released, release failed                | done                  | none: visibility ends by itself |
//
// A host fault is also a step that ran out of its time. A process that died with its permit spent may have a write in flight: its attempt
// is abandoned, never reported under the same fence, because the ledger makes the next claim wait for that write.
//
// A swept message is one that lies in the dead letter queue, moved there by SQS itself, or one that an operator wants to fail: burying puts a copy there that says why, acking takes the original out. A swept
// one that is malformed is treated as malformed, but never waited for.
import {
  abandon,
  abandonToBury,
  abandonToOthers,
  ack,
  blame,
  bury,
  claim,
  done,
  interrupted,
  isSwept,
  leaveToOthers,
  type Move,
  release,
  report,
  settle,
  staysDead,
  unreported,
  wait,
} from "./moves.ts";
import { type Event, type EventIn, happens, type State, type StateAt, type Why } from "./states.ts";

export const received: State = { at: "received" };

/** Throws on a pair that is not in the table: that is a bug in the shell, never something a message or a step can cause. */
export function advance(state: State, event: Event): Move {
  const possible: readonly Event["is"][] = happens[state.at];
  if (!possible.includes(event.is)) throw new Error(`no transition from ${state.at} on ${event.is}`);
  return transitions[state.at](state as never, event as never);
}

/** A function that has no row for an event that its state lets happen lacks an ending return, and does not compile. */
const transitions: { readonly [At in State["at"]]: (state: StateAt<At>, event: EventIn<At>) => Move } = {
  received: (_, event) => fromReceived(event),
  claiming: fromClaiming,
  waiting: fromWaiting,
  executing: fromExecuting,
  reporting: fromReporting,
  settling: fromSettling,
  abandoning: ({ release: after, starts, bury: why }) => (why === null ? release(after, starts) : bury(why)),
  burying: (_, { is }) => (is === "buried" ? ack("buried") : release("short")),
  acking: ({ disposition }) => done(disposition),
  releasing: () => done("released"),
  done: (state) => [state, { do: "none" }],
};

function fromReceived(event: EventIn<"received">): Move {
  switch (event.is) {
    case "decoded":
      return claim(null);
    case "unknown_version":
      return release(event.swept ? "now" : "long");
    case "malformed": {
      const why: Why = { reason: "malformed", detail: event.detail, error: null };
      return event.readable ? claim(why) : bury(why);
    }
    case "unsigned":
      return bury({ reason: "unsigned", detail: event.detail, error: null });
    case "other_instance":
      return leaveToOthers(event.why, event.spent);
    case "swept":
      return claim(
        event.malformed === null
          ? { reason: event.reason, detail: event.detail, error: null, swept: event.lies }
          : { reason: "malformed", detail: event.malformed, error: null, swept: event.lies },
      );
  }
}

function fromClaiming({ giveUp }: StateAt<"claiming">, event: EventIn<"claiming">): Move {
  switch (event.is) {
    case "granted":
      return event.sameBody ? fromGranted(giveUp, event) : fromMismatch(giveUp, event);
    case "held":
      return isSwept(giveUp) ? release("now") : wait(giveUp, event.leftMs);
    case "settled":
      return fromSettled(giveUp, event);
    case "row_unreadable":
      return release(isSwept(giveUp) ? "now" : "long");
    case "row_refused":
      return bury({ reason: "malformed", detail: event.detail, error: null });
    case "ledger_unreachable":
      return release("short");
    case "stopping":
      return release("now");
  }
}

type On<Is extends Event["is"]> = Extract<Event, { is: Is }>;

function fromGranted(giveUp: Why | null, { fence, starts, budget }: On<"granted">): Move {
  if (giveUp !== null) return report(fence, starts, giveUp);
  if (starts > budget) {
    const detail = `started ${starts - 1} times without an outcome; the budget is ${budget}`;
    return report(fence, starts, { reason: "crash_loop", detail, error: null });
  }
  return [
    { at: "executing", fence, starts, budget },
    { do: "execute", fence },
  ];
}

/** Whoever sent the first body waits for its attempt; this message was not what they asked for. */
function fromMismatch(giveUp: Why | null, { fence, starts }: On<"granted">): Move {
  const detail = "another body was claimed under this idempotency key before";
  const why: Why = giveUp?.reason === "malformed" ? giveUp : { reason: "payload_mismatch", detail, error: null };
  return abandonToBury(fence, starts, why);
}

function fromSettled(giveUp: Why | null, event: On<"settled">): Move {
  if (giveUp?.reason === "malformed") return bury(giveUp);
  if (!event.dead) return ack("acked");
  if (giveUp?.swept === "aside") return release("now");
  const detail = event.outcome.error?.message ?? `settled as ${event.outcome.state}`;
  return bury({ reason: "settled_dead", detail, error: event.outcome.error });
}

function fromWaiting({ giveUp }: StateAt<"waiting">, event: EventIn<"waiting">): Move {
  switch (event.is) {
    case "lease_ended":
      return claim(giveUp);
    case "visibility_lost":
    case "stopping":
      return release("now");
  }
}

function fromExecuting(state: StateAt<"executing">, event: EventIn<"executing">): Move {
  const { fence, starts, budget } = state;
  switch (event.is) {
    case "ended":
      return settle(fence, event.outcome, null);
    case "not_open":
      return abandonToBury(fence, starts, event.why);
    case "unknown_run":
      return abandonToOthers(fence, starts, event.why, event.spent);
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
      return abandon(fence, starts, "short", {
        giveStartBack: true,
        why: blame(event.error),
      });
    case "interrupted":
      return abandon(fence, starts, "now", { giveStartBack: true, why: interrupted });
  }
}

function fromReporting(state: StateAt<"reporting">, event: EventIn<"reporting">): Move {
  const { fence, starts, why } = state;
  switch (event.is) {
    case "ended":
      return settle(fence, event.outcome, staysDead(event.outcome, why) ? why : null);
    case "not_open":
      return abandonToBury(fence, starts, why.reason === "malformed" ? why : event.why);
    case "unknown_run":
      // What lies in the dead letter queue still does.
      return abandonToOthers(fence, starts, why.reason === "malformed" ? why : { ...why, ...event.why }, event.spent);
    case "permit_refused":
    case "lease_lost":
      return done("lost");
    case "host_fault":
      return abandon(fence, starts, "backoff", { why: unreported(event.why) });
    case "unavailable":
      return abandon(fence, starts, "backoff", { why: unreported(blame(event.error)) });
    case "ledger_unreachable":
      return abandon(fence, starts, "backoff", { why: unreported({ detail: "the ledger is down", error: null }) });
    case "interrupted":
      return abandon(fence, starts, "now", { why: interrupted });
  }
}

function fromSettling(state: StateAt<"settling">, event: EventIn<"settling">): Move {
  switch (event.is) {
    case "recorded":
      return state.bury === null ? ack("acked") : bury(state.bury);
    case "stale":
      return done("lost");
    case "ledger_unreachable":
      return release("short");
  }
}
