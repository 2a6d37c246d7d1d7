// When the task is protected from a scale-in or a deploy: while steps run, but not forever. Pure.
// Times are monotonic milliseconds.
//
// A *stretch* of work begins with a step and ends when none has run for half a second, so that
// steps in a row are one stretch. The API behind the agent is rate limited for the whole account.
// So at most one stretch in ten seconds is protected. A step that comes sooner is protected when
// they are over, if it still runs. A step that ends sooner fits into any grace.
import type { AgentAnswer } from "../../agent/port.ts";
import { backoff } from "../../backoff.ts";

export interface Protection {
  /** When the stretch began. `null` before the first. */
  readonly sinceMs: number | null;
  /** Since when no step runs. `null` while one runs. */
  readonly pausedMs: number | null;
  /** The worker takes nothing new, so ECS may stop the task. */
  readonly released: boolean;
  /** The task is protected until then at the latest. An instant in the past means unprotected. */
  readonly untilMs: number;
  readonly renewAtMs: number;
  readonly protectFromMs: number;
  readonly dropFromMs: number;
  /** In a row. */
  readonly failures: number;
}

/** The request to make now, or how long there is none to make. */
export type Move =
  | { readonly ask: "protect"; readonly minutes: number }
  | { readonly ask: "drop" }
  | { readonly waitMs: number };

/** A request, its answer, and when each was made. */
export interface Asked {
  readonly move: Exclude<Move, { readonly waitMs: number }>;
  readonly askedAtMs: number;
  readonly answer: AgentAnswer;
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly chance: number;
}

const MINUTE_MS = 60_000;
/** Half of the second within which an idle task is to be free. */
const PAUSE_MS = 500;
const BETWEEN_STRETCHES_MS = 10_000;
/**
 * Short, in case a worker hangs. It is renewed at half of it, which leaves five minutes for an
 * agent that does not answer.
 */
const MINUTES = 10;
/** ECS counts the minutes by its own clock, from a moment of its own. */
const EXPIRY_MARGIN_MS = 60_000;
const retryAfterMs = backoff({ baseMs: 1_000, capMs: 60_000, jitter: "half" });
const NEVER = Number.NEGATIVE_INFINITY;

export const unprotected: Protection = {
  sinceMs: null,
  pausedMs: null,
  released: false,
  untilMs: NEVER,
  renewAtMs: NEVER,
  protectFromMs: NEVER,
  dropFromMs: NEVER,
  failures: 0,
};

/** A step runs, where none ran. */
export function busy(state: Protection, nowMs: number): Protection {
  const over = state.sinceMs === null || (state.pausedMs !== null && nowMs >= state.pausedMs + PAUSE_MS);
  return { ...state, pausedMs: null, ...(over ? { sinceMs: nowMs, renewAtMs: NEVER, failures: 0 } : {}) };
}

/** No step runs any more. */
export function paused(state: Protection, nowMs: number): Protection {
  return { ...state, pausedMs: nowMs };
}

/** `maxMs` is how long a stretch is protected. After that it goes on without protection. */
export function nextMove(state: Protection, maxMs: number, nowMs: number): Move {
  const { sinceMs, pausedMs } = state;
  const limitMs = sinceMs === null || state.released ? NEVER : sinceMs + maxMs;
  const endMs = Math.min(limitMs, pausedMs === null ? limitMs : pausedMs + PAUSE_MS);
  if (nowMs >= endMs) {
    if (nowMs >= state.untilMs) return { waitMs: Number.POSITIVE_INFINITY };
    return nowMs >= state.dropFromMs ? { ask: "drop" } : { waitMs: Math.min(state.dropFromMs, state.untilMs) - nowMs };
  }
  const askMs = pausedMs === null ? Math.max(state.renewAtMs, state.protectFromMs) : endMs;
  if (nowMs < askMs) return { waitMs: Math.min(askMs, endMs) - nowMs };
  return { ask: "protect", minutes: Math.min(MINUTES, Math.ceil((limitMs - nowMs) / MINUTE_MS)) };
}

export function answered(state: Protection, asked: Asked, maxMs: number): Protection {
  const { move, askedAtMs, answer, nowMs } = asked;
  const failures = answer.kind === "done" ? 0 : state.failures + 1;
  const againMs = nowMs + retryAfterMs(failures - 1, asked.chance);
  if (move.ask === "drop") {
    const freed = { untilMs: NEVER, renewAtMs: NEVER, dropFromMs: NEVER };
    return { ...state, failures, ...(answer.kind === "done" ? freed : { dropFromMs: againMs }) };
  }
  const lastsMs = move.minutes * MINUTE_MS;
  const untilMs =
    answer.kind === "refused" ? state.untilMs : Math.max(state.untilMs, nowMs + lastsMs + EXPIRY_MARGIN_MS);
  if (answer.kind !== "done") return { ...state, failures, untilMs, protectFromMs: againMs };
  const lastsAsLong = askedAtMs + lastsMs >= (state.sinceMs ?? nowMs) + maxMs;
  const renewAtMs = lastsAsLong ? Number.POSITIVE_INFINITY : askedAtMs + lastsMs / 2;
  return { ...state, failures, untilMs, renewAtMs, protectFromMs: askedAtMs + BETWEEN_STRETCHES_MS };
}
