// Running a step, or reporting its end, in the step host: under a permit, or with the claim's row.

import { shortened } from "../../formats/shortened.ts";
import type { Hold } from "../../ledger/port.ts";
import type { Ending } from "../../runner/port.ts";
import type { ExecutionResult } from "../../step/step.ts";
import type { Delivery } from "../delivery.ts";
import type { Reason } from "../reasons.ts";
import type { EffectOf, EventIn } from "../states.ts";
import { permitFor } from "./permit.ts";
import type { Scene } from "./ports.ts";
import { noteRecorded } from "./settle.ts";
import { unknownRun } from "./strangers.ts";

export async function execute(scene: Scene, { hold, envelope }: EffectOf<"execute">): Promise<EventIn<"executing">> {
  const { delivery, ports, policy, stopping } = scene;
  // The claim may have been asked for before the stop and answered after it.
  if (stopping.quiet.aborted) return { is: "interrupted" };
  if (isOver(delivery)) return startsNothing(delivery);
  delivery.began = true;
  ports.protection?.begin();
  const order = {
    envelope,
    delivery: delivery.note(ports.worker),
    limits: policy.limits,
    term: delivery.lease,
    ...claimBesideDagster(scene, hold),
  };
  const ending = await ports.runner.execute(order, permitFor(scene, hold), killSignal(scene));
  return eventOf(scene, envelope.runId, ending);
}

export async function report(scene: Scene, { hold, step, why }: EffectOf<"report">): Promise<EventIn<"reporting">> {
  const { delivery, ports, policy } = scene;
  if (isOver(delivery)) return startsNothing(delivery);
  const onFault = delivery.decoded.kind === "step" ? delivery.decoded.envelope.onFault : null;
  // An operator who fails a step has already decided against a retry, and against leaving it open.
  const final = why.reason === "failed_by_operator";
  delivery.log("warn", "step.given_up", `given up (${why.reason}): ${why.detail}`, { reason: why.reason });
  const order = {
    ...step,
    retryIn: final ? null : (onFault?.retryIn ?? null),
    park: !final && policy.onExhausted === "park",
    reason: why.reason,
    message: why.detail,
    delivery: delivery.note(ports.worker),
    term: delivery.lease,
    ...claimBesideDagster(scene, hold),
  };
  const ending = await ports.runner.report(order, permitFor(scene, hold), killSignal(scene));
  const event = eventOf(scene, step.runId, ending);
  // Only a step can be refused a rerun. A process that answers a report so has not reported.
  return event.is === "rerun_refused" ? { is: "host_fault", why: event.why, permitted: delivery.permitted } : event;
}

/**
 * The step host settles the claim with the terminal event if the ledger is in Dagster's database.
 */
function claimBesideDagster({ ports: { ledgerSchema: schema } }: Scene, { fence }: Hold) {
  return schema == null ? {} : { ledger: { schema, fence } };
}

/**
 * The claim's answer may arrive when its lease is over. Then nothing starts, because another worker
 * may have ended the attempt.
 */
function isOver({ lease }: Delivery): boolean {
  return lease.leftMs() === 0;
}

function startsNothing(delivery: Delivery): { readonly is: "lease_lost" } {
  const message = "lease lost: the ledger's answer came when the lease was over; nothing was started";
  // Otherwise the lease's keeper has said so.
  if (!delivery.lease.lost.aborted) delivery.log("error", "lease.lost", message);
  return { is: "lease_lost" };
}

/**
 * Aborts when the process must die: nothing that runs under the lease may outlive it, nor the
 * worker.
 */
function killSignal({ delivery, stopping }: Scene): AbortSignal {
  return AbortSignal.any([delivery.lease.lost, stopping.kill]);
}

function eventOf(scene: Scene, runId: string, ending: Ending): EventIn<"executing"> {
  const { delivery } = scene;
  delivery.job = ending.job ?? delivery.job;
  if (provesOpen(ending)) delivery.foundOpen = true;
  switch (ending.kind) {
    case "ended": {
      const { result, wrote, settled, cutShort } = ending;
      logEnd(delivery, result, wrote);
      if (cutShort !== undefined) {
        const what = "hooks, teardown or exit hooks that still ran after the step's end were cut short";
        delivery.log("warn", "step.cut_short", `${what}: ${cutShort}`);
      }
      return settled ? noteRecorded(scene, result) : { is: "ended", outcome: result };
    }
    case "not_open": {
      const { error } = ending;
      delivery.foundOpen = false;
      delivery.log("error", "step.not_open", `nothing was run: ${error.message}`);
      return { is: "not_open", why: { reason: "not_open", detail: error.message, error: null } };
    }
    case "unknown_run":
      return unknownRun(delivery, runId, ending);
    case "permit_refused":
      delivery.log("warn", "step.permit_refused", "lost the right to record the step's outcome, and recorded nothing");
      return { is: "permit_refused" };
    case "interrupted":
      return delivery.lease.lost.aborted ? { is: "lease_lost" } : { is: "interrupted" };
    case "expired":
      delivery.log(
        "error",
        "lease.lost",
        "lease lost: this worker stood still for too long; it has killed the step's process",
      );
      return { is: "lease_lost" };
    case "over_limit": {
      const { limit, error } = ending;
      const detail = `${error.class}: ${error.message}`;
      delivery.log("warn", "step.over_limit", detail, { limit });
      const reason = limit === "timed_out" || limit === "silent" ? "timed_out" : "over_limit";
      return { is: "host_fault", why: { reason, detail, error }, permitted: delivery.permitted };
    }
    case "rerun_refused": {
      const { error } = ending;
      return { is: "rerun_refused", why: { reason: rerunReason(error.class), detail: error.message, error } };
    }
    case "fault": {
      const { scope, error } = ending;
      const detail = `${error.class}: ${error.message}`;
      delivery.log("warn", "step.fault", detail, { scope });
      if (scope !== "step") return { is: "unavailable", error };
      return { is: "host_fault", why: { reason: "step_fault", detail, error }, permitted: delivery.permitted };
    }
  }
}

/**
 * Logs the end. Operators see a step that failed by itself as a warning, like one that taskiq gave
 * up.
 */
function logEnd(
  delivery: Delivery,
  { state, error, started_at, completed_at, execution_time_seconds: seconds }: ExecutionResult,
  wrote: boolean,
) {
  if (wrote) Object.assign(delivery.times, { stepStarted: started_at * 1_000, stepEnded: completed_at * 1_000 });
  const failed = wrote && (state === "failure" || state === "up_for_retry" || state === "resource_init_failure");
  const fields = { state, queuedMs: delivery.queuedMs, ranMs: seconds * 1_000, wrote };
  const message = endMessage(state, wrote);
  if (!failed || error === null) return delivery.log(failed ? "warn" : "info", "step.ended", message, fields);
  const { class: errorClass, message: errorMessage } = error;
  const [first = ""] = errorMessage.trim().split("\n");
  const why = shortened(`${errorClass}: ${first}`, LONGEST_WHY);
  delivery.log("warn", "step.ended", `${message}: ${why}`, { ...fields, errorClass, errorMessage });
}

/** Cuts the error in the log's text. The field `errorMessage` has all of it. */
const LONGEST_WHY = 300;

/** A refused rerun proves it, too: the process found the reason in the log of the open attempt. */
function provesOpen(ending: Ending): boolean {
  return ending.kind === "rerun_refused" || ("open" in ending && ending.open === true);
}

function endMessage(state: ExecutionResult["state"], wrote: boolean): string {
  if (state === "run_over") return "its run is over, so the step was not started, or was interrupted";
  return wrote ? `ended: ${state}` : `nothing to run: ${state} is recorded already`;
}

function rerunReason(errorClass: string): Reason {
  return errorClass === "DynamicOutputsRecorded" ? "dynamic_outputs_recorded" : "worker_lost";
}
