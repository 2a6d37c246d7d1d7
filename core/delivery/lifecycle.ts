// The life of one delivery: `advance(state, event) → [state, effect]`, one effect at a time. Pure.
// `core/delivery/executor.ts` performs the effects.
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
// | executing  | ended, and settled with its terminal event | acking             | ack |
// | executing  | not open                                | abandoning            | abandon, start given back; bury: the row stays the run's to claim |
// | executing  | unknown run                             | abandoning            | abandon, start given back; then as of another instance |
// | executing  | permit refused, lease lost              | done (lost)           | none: the process is dead, or was never started; write nothing, ack nothing |
// | executing  | host fault, starts < budget or permitted | abandoning           | abandon |
// | executing  | host fault, starts = budget             | reporting             | report |
// | executing  | unavailable                             | abandoning            | abandon, start given back; release (short) |
// | executing  | rerun refused                           | reporting             | report |
// | executing  | interrupted                             | abandoning            | abandon, start given back |
// | reporting  | ended                                   | settling              | settle; what stood in the log already is acked, what we reported is buried |
// | reporting  | reported, and settled with its terminal event | burying            | bury |
// | reporting  | not open                                | abandoning            | abandon, start given back; bury: nothing is ended that the run did not send |
// | reporting  | unknown run                             | abandoning            | abandon, start given back; then as of another instance |
// | reporting  | host fault, unavailable, ledger unreachable, interrupted | abandoning | abandon |
// | reporting  | permit refused, lease lost              | done (lost)           | none |
// | settling   | recorded                                | acking or burying     | ack / bury |
// | settling   | stale                                   | done (lost)           | none: another fence owns it |
// | settling   | ledger unreachable (until the lease ends) | releasing           | release (short) |
// | abandoning | abandoned, stale                        | releasing or burying  | release (backoff; now when interrupted); bury another body, or one that is not open |
// | abandoning | stale, not open                         | releasing             | release (short): it may be open by now, and the other claim's message refused |
// | abandoning | ledger unreachable                      | releasing             | release, short if it is to be buried: the row has to let go of its body first |
// | burying    | buried                                  | acking                | ack |
// | burying    | bury failed                             | releasing             | release (short): better two dead letters than none |
// | acking     | acked, ack failed                       | done                  | none: a redelivery finds the ledger's row |
// | releasing  | released, release failed                | done                  | none: visibility ends by itself |
//
// A host fault is also a step that exceeded a limit. A process that died with its permit spent may
// have a write in flight. Its attempt is abandoned and never reported under the same fence, because
// the ledger makes the next claim wait for that write.
//
// A swept message lies in the dead letter queue, because SQS itself moved it there, or an operator
// fails it. Burying it puts a copy there that says why, and acking takes the original out. A swept
// message that is malformed is treated as malformed, but a delivery never waits for it.

import type { Hold } from "../ledger/port.ts";
import type { ExecutionResult, StepId } from "../step/step.ts";
import { blame, INTERRUPTED, unreported } from "./causes.ts";
import {
  type Asked,
  type Cause,
  type Disposition,
  type Effect,
  type Event,
  type EventIn,
  happens,
  type Release,
  type State,
  type StateAt,
  type Why,
} from "./states.ts";

/** The next state, and the one effect that leads out of it. */
export type Move = readonly [State, Effect];

export const received: State = { at: "received" };

/**
 * Throws on a pair that is not in the table. That is a bug in the executor: no message and no step
 * can cause it.
 */
export function advance(state: State, event: Event): Move {
  const possible: readonly Event["is"][] = happens[state.at];
  if (!possible.includes(event.is)) throw new Error(`no transition from ${state.at} on ${event.is}`);
  return transitions[state.at](state as never, event as never);
}

/**
 * A function that has no row for an event that its state lets happen lacks an ending return, and
 * does not compile.
 */
const transitions: { readonly [At in State["at"]]: (state: StateAt<At>, event: EventIn<At>) => Move } = {
  received: (_, event) => fromReceived(event),
  claiming: fromClaiming,
  waiting: fromWaiting,
  executing: fromExecuting,
  reporting: fromReporting,
  settling: fromSettling,
  abandoning: ({ release: after, starts, bury: why }, { is }) =>
    why === null || mayHoldBody(why, is) ? release(after, starts) : bury(why),
  burying: (_, { is }) => (is === "buried" ? ack("buried") : release("short")),
  acking: ({ disposition }) => done(disposition),
  releasing: () => done("released"),
  done: (state) => [state, { do: "none" }],
};

function fromReceived(event: EventIn<"received">): Move {
  switch (event.is) {
    case "decoded":
      return claim({ step: event.step, giveUp: null, envelope: event.envelope });
    case "unknown_version":
      return release(event.swept ? "now" : "long");
    case "malformed": {
      const why: Why = { reason: "malformed", detail: event.detail, error: null };
      return event.step === null ? bury(why) : claim({ step: event.step, giveUp: why });
    }
    case "unsigned":
      return bury({ reason: "unsigned", detail: event.detail, error: null });
    case "other_instance":
      return leaveToOthers(event.why, event.spent);
    case "swept": {
      const { step, reason, detail, malformed, lies: swept } = event;
      const giveUp: Why =
        malformed === null
          ? { reason, detail, error: null, swept }
          : { reason: "malformed", detail: malformed, error: null, swept };
      return claim({ step, giveUp });
    }
  }
}

function fromClaiming({ asked }: StateAt<"claiming">, event: EventIn<"claiming">): Move {
  const { giveUp } = asked;
  switch (event.is) {
    case "granted":
      return event.sameBody ? fromGranted(asked, event) : fromMismatch(giveUp, event);
    case "held":
      return isSwept(giveUp) ? release("now") : wait(asked, event.leftMs);
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

function fromGranted(asked: Asked, { hold, starts, budget }: On<"granted">): Move {
  const { step } = asked;
  if (asked.giveUp !== null) return report(hold, step, starts, asked.giveUp);
  if (starts > budget) {
    const detail = `started ${starts - 1} times without an outcome; the budget is ${budget}`;
    return report(hold, step, starts, { reason: "crash_loop", detail, error: null });
  }
  return [
    { at: "executing", hold, step, starts, budget },
    { do: "execute", hold, envelope: asked.envelope },
  ];
}

/**
 * The sender of the first body waits for its attempt, and did not ask for what this message asks
 * for.
 */
function fromMismatch(giveUp: Why | null, { hold, starts }: On<"granted">): Move {
  const detail = "another body was claimed under this idempotency key before";
  const why: Why = giveUp?.reason === "malformed" ? giveUp : { reason: "payload_mismatch", detail, error: null };
  return abandonToBury(hold, starts, why);
}

function fromSettled(giveUp: Why | null, event: On<"settled">): Move {
  if (giveUp?.reason === "malformed") return bury(giveUp);
  if (!event.dead) return ack("acked");
  if (giveUp?.swept === "aside") return release("now");
  const detail = event.outcome.error?.message ?? `settled as ${event.outcome.state}`;
  return bury({ reason: "settled_dead", detail, error: event.outcome.error });
}

function fromWaiting({ asked }: StateAt<"waiting">, event: EventIn<"waiting">): Move {
  switch (event.is) {
    case "lease_ended":
      return claim(asked);
    case "visibility_lost":
    case "stopping":
      return release("now");
  }
}

function fromExecuting(state: StateAt<"executing">, event: EventIn<"executing">): Move {
  const { hold, step, starts, budget } = state;
  switch (event.is) {
    case "ended":
      return settle(hold, event.outcome, null);
    case "recorded":
      return ack("acked");
    case "not_open":
      return abandonToBury(hold, starts, event.why);
    case "unknown_run":
      return abandonToOthers(hold, starts, event.why, event.spent);
    case "permit_refused":
    case "lease_lost":
      return done("lost");
    case "host_fault":
      return starts < budget || event.permitted
        ? abandon(hold, starts, "backoff", { why: event.why })
        : report(hold, step, starts, event.why);
    case "rerun_refused":
      return report(hold, step, starts, event.why);
    case "unavailable":
      return abandon(hold, starts, "short", { giveStartBack: true, why: blame(event.error) });
    case "interrupted":
      return abandon(hold, starts, "now", { giveStartBack: true, why: INTERRUPTED });
  }
}

function fromReporting(state: StateAt<"reporting">, event: EventIn<"reporting">): Move {
  const { hold, starts, why } = state;
  switch (event.is) {
    case "ended":
      return settle(hold, event.outcome, staysDead(event.outcome, why) ? why : null);
    case "recorded":
      return bury(why);
    case "not_open":
      return abandonToBury(hold, starts, why.reason === "malformed" ? why : event.why);
    case "unknown_run":
      // Keeps `swept`: what lies in the dead letter queue still does.
      return abandonToOthers(hold, starts, why.reason === "malformed" ? why : { ...why, ...event.why }, event.spent);
    case "permit_refused":
    case "lease_lost":
      return done("lost");
    case "host_fault":
      return abandon(hold, starts, "backoff", { why: unreported(event.why) });
    case "unavailable":
      return abandon(hold, starts, "backoff", { why: unreported(blame(event.error)) });
    case "ledger_unreachable":
      return abandon(hold, starts, "backoff", { why: unreported({ detail: "the ledger is down", error: null }) });
    case "interrupted":
      return abandon(hold, starts, "now", { why: INTERRUPTED });
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

function claim(asked: Asked): Move {
  return [
    { at: "claiming", asked },
    { do: "claim", step: asked.step },
  ];
}

function wait(asked: Asked, leftMs: number): Move {
  return [
    { at: "waiting", asked },
    { do: "wait", leftMs },
  ];
}

/**
 * This worker's Dagster does not know the run. A worker of the run's own instance may still receive
 * the message.
 */
function leaveToOthers(why: Why, spent: boolean): Move {
  const { after, toBury } = afterStranger(why, spent);
  return toBury === null ? release(after) : bury(toBury);
}

/** Does the same after a claim, which cost no start. */
function abandonToOthers(hold: Hold, starts: number, why: Why, spent: boolean): Move {
  const { after, toBury } = afterStranger(why, spent);
  return abandon(hold, starts, after, { giveStartBack: true, bury: toBury });
}

/** Ends a claim that cost no start, of a message that asks for nothing that may run. */
function abandonToBury(hold: Hold, starts: number, why: Why): Move {
  return abandon(hold, starts, "short", { giveStartBack: true, bury: why });
}

/**
 * The row may still hold this message's body. Then it refuses the genuine message, or has done so.
 * One of the two must stay in the queue to end the attempt.
 */
function mayHoldBody({ reason }: Why, answer: EventIn<"abandoning">["is"]): boolean {
  return answer === "ledger_unreachable" || (answer === "stale" && reason === "not_open");
}

function afterStranger(why: Why, spent: boolean): { readonly after: Release; readonly toBury: Why | null } {
  if (why.swept === "aside") return { after: "now", toBury: null };
  return { after: "short", toBury: spent || why.swept === "in_the_way" ? why : null };
}

function settle(hold: Hold, outcome: ExecutionResult, why: Why | null): Move {
  return [
    { at: "settling", bury: why },
    { do: "settle", hold, outcome },
  ];
}

function report(hold: Hold, step: StepId, starts: number, why: Why): Move {
  return [
    { at: "reporting", hold, starts, why },
    { do: "report", hold, step, why },
  ];
}

interface Abandoning {
  readonly giveStartBack?: boolean;
  readonly why?: Cause | null;
  readonly bury?: Why | null;
}

function abandon(hold: Hold, starts: number, after: Release, how: Abandoning): Move {
  const { giveStartBack = false, why = null, bury = null } = how;
  return [
    { at: "abandoning", release: after, starts, bury },
    { do: "abandon", hold, giveStartBack, why },
  ];
}

function bury(why: Why): Move {
  const effect: Effect = { do: "bury", why };
  return [{ at: "burying", why }, effect];
}

function ack(disposition: "acked" | "buried"): Move {
  return [{ at: "acking", disposition }, { do: "ack" }];
}

function release(after: Release, starts = 0): Move {
  return [{ at: "releasing" }, { do: "release", after, starts }];
}

function done(disposition: Disposition): Move {
  return [{ at: "done", disposition }, { do: "none" }];
}

/**
 * Whether a reported message is buried. A report that found the attempt over has nothing to bury,
 * because the log's outcome stands. Two kinds are buried all the same. One is a body that cannot be
 * read. The other is a message that SQS moved of a run that is over, because it names a step that
 * the run never got.
 */
function staysDead({ state }: ExecutionResult, why: Why): boolean {
  const ours = state === "reported" || state === "parked";
  return ours || why.reason === "malformed" || (isSwept(why) && state === "run_over");
}

function isSwept(giveUp: Why | null): boolean {
  return giveUp?.swept !== undefined;
}
