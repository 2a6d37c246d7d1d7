// The circuit between a worker and its dependencies. While one is down, the worker receives
// nothing, so it buries nothing. Pure: times are monotonic milliseconds, and chance is uniform in
// [0, 1). `core/circuit/breaker.ts` trips it and probes.
//
// | An outage is | and on                                      | becomes |
// |--------------|---------------------------------------------|---------|
// | not there    | a failure                                   | open: probed after a backoff |
// | open         | its time                                    | probing |
// | probing      | a probe that fails                          | open, with twice the backoff |
// | probing      | a probe that passes                         | on trial: one delivery at a time may try; of the queue: over |
// | on trial     | a failure                                   | open, with twice the backoff |
// | on trial     | proof, or nothing failing for a while after a delivery began | over |
//
// There is a trial because a probe may pass where work fails, as with a database that can be read
// but not written. Without a trial, every probe would cost a whole batch of receives, and SQS
// allows each message only so many.
import { backoff } from "../backoff.ts";

import { MESSAGES_A_REQUEST } from "../queue/port.ts";

export type Cause = "queue" | "ledger" | "instance" | "location" | "host";

type Phase =
  | { readonly is: "open"; readonly probeAtMs: number }
  | { readonly is: "probing" }
  /** `untilMs` is `null` before a delivery has tried. */
  | { readonly is: "trial"; readonly untilMs: number | null; readonly sinceMs: number };

export interface Outage {
  readonly cause: Cause;
  /** The last failure, for an operator. */
  readonly why: string;
  /** The run whose code cannot be imported. `null` for every other cause. */
  readonly runId: string | null;
  /** Until then it may be a hiccup, and the worker does not report it. */
  readonly reportAtMs: number;
  readonly failures: number;
  readonly phase: Phase;
}

/** At most one outage of each cause, oldest first. Empty: closed, all is well. */
export type Circuit = readonly Outage[];

export interface Failure {
  readonly cause: Cause;
  readonly why: string;
  readonly runId?: string;
  /** How long it may last before the worker reports it. */
  readonly patienceMs?: number;
}

/** Leave to receive. `longPoll` is false if the receive is a probe, which must answer at once. */
export interface Leave {
  readonly max: number;
  readonly longPoll: boolean;
}

export const closed: Circuit = [];

const probeBackoff = backoff({ baseMs: 1_000, capMs: 30_000, jitter: "full" });
/** Chance may give 0 every time, which would be a hot loop. */
const PROBE_LEAST_MS = 250;
/**
 * A dependency that is down shows within seconds of a start, when the step's process reads the log.
 */
const TRIAL_MS = 30_000;
/**
 * Under a backlog a trial gets its delivery at once. Without a backlog there may be none for hours.
 */
const IDLE_TRIAL_MS = 5_000;

/** Opens an outage, or opens it again if it is on trial. */
export function trip(circuit: Circuit, failure: Failure, nowMs: number, chance: number): Circuit {
  const { cause, why, runId = null, patienceMs = 0 } = failure;
  const known = find(circuit, cause);
  if (known === undefined) {
    const phase: Phase = { is: "open", probeAtMs: nowMs + probeAfterMs(0, chance) };
    return [...circuit, { cause, why, runId, reportAtMs: nowMs + patienceMs, failures: 0, phase }];
  }
  const outage = { ...known, why, runId, reportAtMs: Math.min(known.reportAtMs, nowMs + patienceMs) };
  return replace(circuit, known.phase.is === "trial" ? reopened(outage, why, nowMs, chance) : outage);
}

/** Returns the outages to probe now. */
export function due(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase }) => phase.is === "open" && phase.probeAtMs <= nowMs);
}

export function beginProbe(circuit: Circuit, cause: Cause): Circuit {
  const known = find(circuit, cause);
  if (known?.phase.is !== "open") return circuit;
  return replace(circuit, { ...known, phase: { is: "probing" } });
}

/**
 * `failure` is `null` if the probe passed. A receive probes the queue, so the queue needs no trial.
 */
export function endProbe(
  circuit: Circuit,
  cause: Cause,
  failure: string | null,
  nowMs: number,
  chance: number,
): Circuit {
  const known = find(circuit, cause);
  if (known?.phase.is !== "probing") return circuit;
  if (failure !== null) return replace(circuit, reopened(known, failure, nowMs, chance));
  if (cause === "queue") return without(circuit, cause);
  return replace(circuit, { ...known, phase: { is: "trial", untilMs: null, sinceMs: nowMs } });
}

/** A delivery has begun. The outages on trial end unless something fails within `TRIAL_MS`. */
export function tried(circuit: Circuit, nowMs: number): Circuit {
  return circuit.map((outage) =>
    outage.phase.is === "trial" && outage.phase.untilMs === null
      ? { ...outage, phase: { ...outage.phase, untilMs: nowMs + TRIAL_MS } }
      : outage,
  );
}

/**
 * Ends an outage on trial, since there is proof that the dependency works. For an outage in another
 * phase, the proof may be from before it began.
 */
export function worked(circuit: Circuit, cause: Cause): Circuit {
  return find(circuit, cause)?.phase.is === "trial" ? without(circuit, cause) : circuit;
}

/** Ends the trials in which nothing failed for long enough. */
export function passTrials(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase }) => phase.is !== "trial" || phase.untilMs === null || phase.untilMs > nowMs);
}

/** Returns `null` while nothing may be received. */
export function leaveOf(circuit: Circuit): Leave | null {
  const leaves = circuit.map(({ cause, phase }): Leave | null => {
    if (phase.is === "trial") return phase.untilMs === null ? { max: 1, longPoll: true } : null;
    return cause === "queue" && phase.is === "probing" ? { max: 1, longPoll: false } : null;
  });
  if (leaves.includes(null)) return null;
  return {
    max: leaves.length === 0 ? MESSAGES_A_REQUEST : 1,
    longPoll: leaves.every((leave) => leave?.longPoll !== false),
  };
}

/** Returns whether a step may be reported. That needs no code, so missing code does not matter. */
export function mayReport(circuit: Circuit): boolean {
  return circuit.every(({ cause, phase }) => cause === "location" || phase.is === "trial");
}

/** Returns whether time alone may change the circuit. */
export function isTimed(circuit: Circuit): boolean {
  return circuit.some(({ phase }) => phase.is === "open" || (phase.is === "trial" && phase.untilMs !== null));
}

/** Returns the outages that keep the intake shut and have lasted long enough to be reported. */
export function reportable(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase, reportAtMs }) => phase.is !== "trial" && reportAtMs <= nowMs);
}

/**
 * Returns the outages that the log must not call over. A trial that has just begun, or that a
 * delivery goes through, may still be the same outage.
 */
export function unproven(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase, reportAtMs }) => {
    const isTried = phase.is !== "trial" || phase.untilMs !== null || nowMs < phase.sinceMs + IDLE_TRIAL_MS;
    return isTried && reportAtMs <= nowMs;
  });
}

function reopened(outage: Outage, why: string, nowMs: number, chance: number): Outage {
  const failures = outage.failures + 1;
  return { ...outage, why, failures, phase: { is: "open", probeAtMs: nowMs + probeAfterMs(failures, chance) } };
}

function probeAfterMs(failures: number, chance: number): number {
  return Math.max(PROBE_LEAST_MS, probeBackoff(failures, chance));
}

function find(circuit: Circuit, cause: Cause): Outage | undefined {
  return circuit.find((outage) => outage.cause === cause);
}

function replace(circuit: Circuit, outage: Outage): Circuit {
  return circuit.map((other) => (other.cause === outage.cause ? outage : other));
}

function without(circuit: Circuit, cause: Cause): Circuit {
  return circuit.filter((outage) => outage.cause !== cause);
}
