// The attempts of a run's steps, put together from Dagster's events (when) and the ledger's rows
// (who, and how it ended).
import type { LedgerRow } from "../../core/ledger/port.ts";
import type { StepEvent } from "./run.ts";

export interface Attempt {
  readonly step: string;
  /** 1 first, as people count. */
  readonly attempt: number;
  /** The worker that ran it. `null` means that no worker has. */
  readonly worker: string | null;
  /** The step's own process. */
  readonly pid: number | null;
  /**
   * The ledger's word for the attempt (`success`, `failure`, `up_for_retry`, …), or the state of
   * its row, or `queued`.
   */
  readonly outcome: string;
  /** Seconds from sending it to the start of its process. */
  readonly queuedFor: number | null;
  /** Seconds from the start of its process to its terminal event. */
  readonly ranFor: number | null;
}

const ends = new Set(["STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"]);

/** In the order in which they were sent. */
export function attemptsOf(events: readonly StepEvent[], rows: readonly LedgerRow[]): Attempt[] {
  const sent = events.filter(({ type }) => type === "STEP_WORKER_STARTING");
  return sent.map((sending) => {
    const attempt = sending.attempt ?? 0;
    const own = ofThisAttempt(events, sending);
    const started = own.find(({ type }) => type === "STEP_WORKER_STARTED");
    const ended = own.find(({ type }) => ends.has(type));
    const row = rows.find(({ step }) => step.stepKey === sending.step && step.attempt === attempt);
    return {
      step: sending.step,
      attempt: attempt + 1,
      worker: row?.owner ?? null,
      pid: started?.pid ?? null,
      outcome: row?.outcome?.state ?? row?.state ?? "queued",
      queuedFor: between(sending, started),
      ranFor: between(started, ended),
    };
  });
}

/** Terminal events name no attempt: they belong to the one that was sent last before them. */
function ofThisAttempt(events: readonly StepEvent[], sending: StepEvent): StepEvent[] {
  const later = events.slice(events.indexOf(sending) + 1).filter(({ step }) => step === sending.step);
  const next = later.findIndex(({ type }) => type === "STEP_WORKER_STARTING");
  return next === -1 ? later : later.slice(0, next);
}

function between(from: StepEvent | undefined, to: StepEvent | undefined): number | null {
  return from === undefined || to === undefined ? null : to.at - from.at;
}
