// The frames that carry an order to the step host. Pure.
import { toWire } from "../envelope.ts";
import type { WireNote, WorkerFrame } from "./frames.ts";
import type { DeliveryNote, Notice, Permit, ReportOrder, StepOrder } from "./port.ts";

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A frame that asks for work; its `id` is the runner's to give. */
export type NewFrame = DistributiveOmit<Extract<WorkerFrame, { type: "run" | "report" | "notice" | "probe" }>, "id">;

export function runFrame(order: StepOrder): NewFrame {
  return { type: "run", envelope: toWire(order.envelope), delivery: wireNote(order.delivery) };
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
  };
}

export function noticeFrame({ runId, stepKey, message, level, metadata }: Notice): NewFrame {
  return { type: "notice", run_id: runId, step_key: stepKey, message, level, metadata };
}

export function probeFrame(runId: string | null): NewFrame {
  return { type: "probe", run_id: runId };
}

export function permitFrame(id: string, permit: Permit): WorkerFrame {
  return { type: "permit", id, granted: permit.granted, within_ms: permit.granted ? permit.withinMs : null };
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
