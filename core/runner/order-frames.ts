// The frames that carry an order to the step host. Pure.
import { toWire } from "../step/envelope.ts";
import type { StepId } from "../step/step.ts";
import type { WireClaim, WireLimits, WireNote, WorkerFrame } from "./frames.ts";
import type { ClaimBesideDagster, DeliveryNote, Limits, Notice, Permit, ReportOrder, StepOrder, Term } from "./port.ts";

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A frame that asks for work; its `id` is the runner's to give. */
export type NewFrame = DistributiveOmit<
  Extract<WorkerFrame, { type: "run" | "report" | "notice" | "probe" | "look" }>,
  "id"
>;

export function runFrame(order: StepOrder): NewFrame {
  const { envelope, delivery, limits, term } = order;
  return {
    type: "run",
    envelope: toWire(envelope),
    delivery: wireNote(delivery),
    limits: wireLimits(limits),
    within_ms: withinMs(term),
    ledger: wireClaim(order.ledger),
  };
}

export function reportFrame(order: ReportOrder): NewFrame {
  return {
    type: "report",
    run_id: order.runId,
    step_key: order.stepKey,
    attempt: order.attempt,
    retry_in: order.retryIn,
    park: order.park,
    reason: order.reason,
    message: order.message,
    delivery: wireNote(order.delivery),
    within_ms: withinMs(order.term),
    ledger: wireClaim(order.ledger),
  };
}

export function renewFrame(id: string, term: Term): WorkerFrame {
  return { type: "renew", id, within_ms: withinMs(term) };
}

export function noticeFrame({ runId, stepKey, message, level, metadata }: Notice): NewFrame {
  return { type: "notice", run_id: runId, step_key: stepKey, message, level, metadata };
}

export function probeFrame(runId: string | null): NewFrame {
  return { type: "probe", run_id: runId };
}

export function lookFrame(attempts: readonly StepId[]): NewFrame {
  const wire = attempts.map(({ runId, stepKey, attempt }) => ({ run_id: runId, step_key: stepKey, attempt }));
  return { type: "look", attempts: wire };
}

export function permitFrame(id: string, permit: Permit): WorkerFrame {
  return { type: "permit", id, granted: permit.granted, within_ms: permit.granted ? permit.withinMs : null };
}

function wireClaim(claim: ClaimBesideDagster | undefined): WireClaim | null {
  return claim === undefined ? null : { schema: claim.schema, fence: claim.fence };
}

/** JSON knows no infinity. */
function withinMs(term: Term): number | null {
  const leftMs = term.leftMs();
  return Number.isFinite(leftMs) ? leftMs : null;
}

function wireLimits(limits: Limits): WireLimits {
  return {
    timeout_ms: limits.timeoutMs,
    silence_ms: limits.silenceMs,
    grace_ms: limits.graceMs,
    memory_bytes: limits.memoryBytes,
    processes: limits.processes,
    output_bytes: limits.outputBytes,
    after_end_ms: limits.afterEndMs,
  };
}

function wireNote(note: DeliveryNote): WireNote {
  return {
    worker: note.worker,
    message_id: note.messageId,
    receive_count: note.receiveCount,
    starts: note.starts,
    taken_over_from: note.takenOverFrom,
  };
}
