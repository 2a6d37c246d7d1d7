// The circuit between a worker and what it depends on: while something is down, nothing is received, so nothing is buried. Pure; times
// are monotonic milliseconds, chance is uniform in [0, 1). `core/circuit/breaker.ts` trips it and probes.
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
// A trial, because a probe may pass where work fails (a database that can be read and not written): without one, every probe would cost
// a whole batch of receives, of which SQS allows each message only so many.
import { backoff } from "../backoff.ts";

import { MESSAGES_A_REQUEST } from "../queue/port.ts";

export type Cause = "queue" | "ledger" | "instance" | "location" | "host";

type Phase =
  | { readonly is: "open"; readonly probeAtMs: number }
  | { readonly is: "probing" }
  /** `untilMs` is null before a delivery has tried. */
  | { readonly is: "trial"; readonly untilMs: number | null; readonly sinceMs: number };

export interface Outage {
  readonly cause: Cause;
  /** What failed last, for an operator. */
  readonly why: string;
  /** The run whose code cannot be imported; null of every other cause. */
  readonly runId: string | null;
  /** Until then it may be a hiccup, of which nobody is told. */
  readonly toldAtMs: number;
  readonly failures: number;
  readonly phase: Phase;
}

/** At most one outage of each cause, oldest first. Empty: closed, all is well. */
export type Circuit = readonly Outage[];

export interface Failure {
  readonly cause: Cause;
  readonly why: string;
  readonly runId?: string;
  /** How long it may last without being told. */
  readonly patienceMs?: number;
}

/** Leave to receive. `longPoll` is false where the receive is a probe, which is to answer at once. */
export interface Leave {
  readonly max: number;
  readonly longPoll: boolean;
}

export const closed: Circuit = [];

const probeBackoff = backoff({ baseMs: 1_000, capMs: 30_000, jitter: "full" });
/** Chance may give 0 every time, which would be a hot loop. */
const PROBE_LEAST_MS = 250;
/** What is down shows within seconds of a start, when the step's process reads the log. */
const TRIAL_MS = 30_000;
/** Under a backlog a trial has its delivery at once. Without one there may be no delivery for hours. */
const IDLE_TRIAL_MS = 5_000;

/** Something was found not to work. */
export function trip(circuit: Circuit, failure: Failure, nowMs: number, chance: number): Circuit {
  const { cause, why, runId = null, patienceMs = 0 } = failure;
  const known = find(circuit, cause);
  if (known === undefined) {
    const phase: Phase = { is: "open", probeAtMs: nowMs + probeAfterMs(0, chance) };
    return [...circuit, { cause, why, runId, toldAtMs: nowMs + patienceMs, failures: 0, phase }];
  }
  const outage = { ...known, why, runId, toldAtMs: Math.min(known.toldAtMs, nowMs + patienceMs) };
  return replace(circuit, known.phase.is === "trial" ? reopened(outage, why, nowMs, chance) : outage);
}

/** What is to be probed now. */
export function due(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase }) => phase.is === "open" && phase.probeAtMs <= nowMs);
}

export function beginProbe(circuit: Circuit, cause: Cause): Circuit {
  const known = find(circuit, cause);
  if (known?.phase.is !== "open") return circuit;
  return replace(circuit, { ...known, phase: { is: "probing" } });
}

/** `failure` is null when the probe passed. The queue is probed by a receive, and so has no need of a trial. */
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

/** A delivery has begun; what is on trial has until then to fail. */
export function tried(circuit: Circuit, nowMs: number): Circuit {
  return circuit.map((outage) =>
    outage.phase.is === "trial" && outage.phase.untilMs === null
      ? { ...outage, phase: { ...outage.phase, untilMs: nowMs + TRIAL_MS } }
      : outage,
  );
}

/** Proof that it works. Only what is on trial is acquitted: anything else may speak of the time before the outage. */
export function worked(circuit: Circuit, cause: Cause): Circuit {
  return find(circuit, cause)?.phase.is === "trial" ? without(circuit, cause) : circuit;
}

/** Trials in which nothing failed for long enough are over. */
export function passTrials(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase }) => phase.is !== "trial" || phase.untilMs === null || phase.untilMs > nowMs);
}

/** Null while nothing may be received. */
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

/** Whether a step may be ended without its code, which is then all that is missing. */
export function mayReport(circuit: Circuit): boolean {
  return circuit.every(({ cause, phase }) => cause === "location" || phase.is === "trial");
}

/** Whether time alone may change something. */
export function isTimed(circuit: Circuit): boolean {
  return circuit.some(({ phase }) => phase.is === "open" || (phase.is === "trial" && phase.untilMs !== null));
}

/** What keeps the intake shut and has lasted long enough to be told. */
export function told(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase, toldAtMs }) => phase.is !== "trial" && toldAtMs <= nowMs);
}

/** What the log does not call over: a trial that a delivery goes through, or has just begun, may be the same outage still. */
export function unproven(circuit: Circuit, nowMs: number): Circuit {
  return circuit.filter(({ phase, toldAtMs }) => {
    const isTried = phase.is !== "trial" || phase.untilMs !== null || nowMs < phase.sinceMs + IDLE_TRIAL_MS;
    return isTried && toldAtMs <= nowMs;
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
