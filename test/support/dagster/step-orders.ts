// Orders for a runner, with what a test does not care about filled in.

import { defaultLimits } from "../../../core/delivery/limits.ts";
import type { AskPermit, DeliveryNote, ReportOrder, StepOrder, Term } from "../../../core/runner/port.ts";
import type { StepId } from "../../../core/step/step.ts";
import { envelope } from "../sqs/messages.ts";

/** The term of a process that may live as long as it likes. */
export const endless: Term = { leftMs: () => Number.POSITIVE_INFINITY, onRenewed: () => () => undefined };

export const never = new AbortController().signal;

export const note: DeliveryNote = {
  worker: "worker-a",
  messageId: "m1",
  receiveCount: 1,
  starts: 1,
  takenOverFrom: null,
};

export function stepOrder(stepKey: string, runId = "run-1", attempt = 0): StepOrder {
  return { envelope: envelope(stepKey, { runId, attempt }), delivery: note, limits: defaultLimits, term: endless };
}

export function reportOrder(step: StepId, changes: Partial<ReportOrder> = {}): ReportOrder {
  const { runId, stepKey, attempt } = step;
  const why = { reason: "crash_loop", message: "started 3 times without an outcome; the budget is 3" };
  return { runId, stepKey, attempt, retryIn: null, park: false, ...why, delivery: note, term: endless, ...changes };
}

/** Grants, and counts how often it was asked. */
export function granting(): AskPermit & { asked: number } {
  const ask = Object.assign(
    async () => {
      ask.asked += 1;
      return { granted: true, withinMs: 30_000 } as const;
    },
    { asked: 0 },
  );
  return ask;
}

export const refusing: AskPermit = async () => ({ granted: false });
