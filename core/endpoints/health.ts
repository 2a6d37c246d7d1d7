// A worker's verdicts on its own health. Pure: facts in, verdicts out.
//
// Healthy answers a container's health check. It means live, and ready once. A deploy whose workers
// never become ready is thereby never healthy, and ECS rolls it back. Once a worker was ready,
// outages do not count, as they do not for live.
//
// Live means that our own loops turn. Only a restart mends the opposite. It never depends on SQS, a
// database or the step host. Otherwise an outage of theirs would have every container of the fleet
// replaced. Ready means that the worker takes steps.
import { formatDuration, inSeconds } from "../formats/durations.ts";

export interface HealthFacts {
  /** Monotonic milliseconds, like every time here. */
  readonly nowMs: number;
  /** When the event loop last ran its heartbeat; see `health-server.ts`. */
  readonly lastTickAtMs: number;
  /** False until the worker takes steps for the first time. */
  readonly started: boolean;
  readonly stopping: boolean;
  /** Since when the receive under way has run; null between receives. */
  readonly pollingSinceMs: number | null;
  /** When the intake last went round. It waits, rightly, while no slot is free. */
  readonly lastTurnAtMs: number;
  /** How long one receive waits for messages. */
  readonly waitMs: number;
  /** Why nothing is received; null while the intake is open. */
  readonly closedBecause: string | null;
  /** Which code locations cannot be imported while others can; null when all can. */
  readonly broken: string | null;
  readonly busy: number;
  readonly slots: number;
  /** The operator who asked the worker to be quiet. `null` means that the worker is not quiet. */
  readonly quiet?: object | null;
  /** When the health server began to answer. */
  readonly beganAtMs: number;
  /** It was ready for `READY_HELD_MS` without a break, at any time. */
  readonly wasReady: boolean;
  /** How long a worker may live that was never ready. `null` means no limit. */
  readonly readyWithinMs: number | null;
}

export interface Verdict {
  readonly ok: boolean;
  /** For an operator; `ok` when there is nothing to say. */
  readonly why: string;
}

export interface Health {
  readonly live: Verdict;
  readonly ready: Verdict;
  readonly healthy: Verdict;
}

/** A worker without the permission to receive is ready until its first receive is refused. */
export const READY_HELD_MS = 5_000;

/** Three missed checks of a container that is asked every 10 seconds. */
const TICK_LIMIT_MS = 30_000;
/**
 * A receive is tried four times with up to 5 s for each answer, and a failed one waits up to 30 s:
 * all of that is still life.
 */
const POLL_MARGIN_MS = 90_000;

const fine: Verdict = { ok: true, why: "ok" };

export function judgeHealth(facts: HealthFacts): Health {
  const loops = loopsTurn(facts);
  const ready = loops.ok ? readiness(facts) : loops;
  const live = loops.ok ? (overdue(facts, ready) ?? fine) : loops;
  return { live, ready, healthy: live.ok ? health(facts, ready) : live };
}

function loopsTurn(facts: HealthFacts): Verdict {
  const stalledMs = facts.nowMs - facts.lastTickAtMs;
  if (stalledMs > TICK_LIMIT_MS) return bad(`the event loop stood still for ${inSeconds(stalledMs)}`);
  if (!facts.started) return fine;
  const limitMs = facts.waitMs + POLL_MARGIN_MS;
  if (facts.pollingSinceMs !== null) {
    const pollMs = facts.nowMs - facts.pollingSinceMs;
    return pollMs > limitMs ? bad(`a receive has hung for ${inSeconds(pollMs)}`) : fine;
  }
  const turnMs = facts.nowMs - facts.lastTurnAtMs;
  const mayTurn = !facts.stopping && facts.busy < facts.slots;
  return mayTurn && turnMs > limitMs ? bad(`the intake has stood still for ${inSeconds(turnMs)}`) : fine;
}

function readiness(facts: HealthFacts): Verdict {
  if (facts.stopping) return bad("stopping");
  if (!facts.started) return bad("starting");
  if (facts.closedBecause !== null) return bad(facts.closedBecause);
  return facts.broken === null ? fine : { ok: true, why: facts.broken };
}

/** Null unless it should have been ready by now. */
function overdue(facts: HealthFacts, ready: Verdict): Verdict | null {
  const { readyWithinMs, nowMs, beganAtMs } = facts;
  if (ready.ok || isExcused(facts) || readyWithinMs === null || nowMs - beganAtMs <= readyWithinMs) return null;
  return bad(`not ready within ${formatDuration(readyWithinMs)} of its start: ${ready.why}`);
}

function health(facts: HealthFacts, ready: Verdict): Verdict {
  if (isExcused(facts)) return fine;
  return bad(`not ready yet: ${ready.ok ? `it has been ready for less than ${inSeconds(READY_HELD_MS)}` : ready.why}`);
}

/** Of having to become ready. */
function isExcused({ wasReady, stopping, quiet }: HealthFacts): boolean {
  return wasReady || stopping || (quiet ?? null) !== null;
}

function bad(why: string): Verdict {
  return { ok: false, why };
}
