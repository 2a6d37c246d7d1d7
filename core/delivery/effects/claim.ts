// Claims an attempt in the ledger, and waits while another worker holds it.
import { describeError, type Fault, isOneRowsFault, isRefusedRow } from "../../faults.ts";
import type { Claim, ClaimRequest, Hold } from "../../ledger/port.ts";
import { idempotencyKey, type StepId } from "../../step/step.ts";
import type { Delivery, Granted } from "../delivery.ts";
import { payloadDigest } from "../digest.ts";
import type { EffectOf, EventIn } from "../states.ts";
import { askLedger, noticeInDagster, type Scene } from "./ports.ts";

export async function claim(scene: Scene, { step }: EffectOf<"claim">): Promise<EventIn<"claiming">> {
  const { delivery, ports, stopping } = scene;
  if (stopping.quiet.aborted) return { is: "stopping" };
  const askedAtMs = ports.clock.monoMs();
  const request = requestOf(scene, step);
  const answer = await askLedger(scene, "claim", (ledger) => ledger.claim(request).catch(oneRowsFault));
  if (answer === null) return { is: "ledger_unreachable" };
  if (answer instanceof Error) return isRefusedRow(answer) ? logRefused(scene, answer) : logUnreadable(scene, answer);
  if (answer.kind !== "granted") return notGranted(scene, answer);
  const hold: Hold = { key: request.key, fence: answer.fence };
  delivery.granted = answer;
  const { sentAtMs } = delivery.message;
  delivery.times.claimed = ports.clock.wallMs();
  delivery.queuedMs = Math.max(0, delivery.times.claimed - sentAtMs);
  delivery.lease.granted(hold, askedAtMs);
  return grantedEvent(scene, hold, answer);
}

/**
 * Frees the slot meanwhile: a step that another worker runs for hours must not keep others from
 * running here.
 */
export async function wait(
  { delivery, ports, stopping }: Scene,
  { leftMs }: EffectOf<"wait">,
): Promise<EventIn<"waiting">> {
  const { lease, seat } = delivery;
  seat.leave();
  await ports.clock.sleep(leftMs, AbortSignal.any([stopping.quiet, lease.visibilityLost]));
  if (lease.visibilityLost.aborted) return { is: "visibility_lost" };
  return (await seat.retake(stopping.quiet)) ? { is: "lease_ended" } : { is: "stopping" };
}

/** Returns the fault of one row. Throws any other error. */
function oneRowsFault(error: unknown): Fault {
  if (isOneRowsFault(error)) return error;
  throw error;
}

function logRefused({ delivery }: Scene, fault: Fault): EventIn<"claiming"> {
  const detail = describeError(fault);
  delivery.log("error", "ledger.row_refused", `the ledger takes no row for this message, so nothing is run: ${detail}`);
  return { is: "row_refused", detail };
}

function logUnreadable(scene: Scene, fault: Fault): EventIn<"claiming"> {
  const message = `the ledger's row cannot be read, so nothing is run: ${describeError(fault)}`;
  scene.delivery.log("error", "ledger.row_unreadable", message);
  noticeInDagster(scene, "error", message);
  return { is: "row_unreadable" };
}

function requestOf({ delivery, ports }: Scene, step: StepId): ClaimRequest {
  return {
    key: idempotencyKey(step),
    step,
    owner: ports.worker,
    leaseMs: ports.leaseMs,
    messageId: delivery.message.id,
    payloadDigest: digestOf(delivery),
    receivedAtMs: delivery.receivedAtMs,
  };
}

function notGranted({ delivery }: Scene, answer: Exclude<Claim, Granted>): EventIn<"claiming"> {
  switch (answer.kind) {
    case "held": {
      const { owner, leftMs } = answer;
      delivery.log("info", "delivery.held", `held by ${owner}; waiting`, { owner, leftMs });
      return { is: "held", leftMs };
    }
    case "settled": {
      const { outcome, state } = answer;
      delivery.parked = outcome.state === "parked";
      const message = `already settled (${outcome.state}); not run again`;
      delivery.log("info", "delivery.duplicate", message, { state: outcome.state });
      return { is: "settled", outcome, dead: state === "dead" };
    }
  }
}

function grantedEvent(scene: Scene, hold: Hold, answer: Granted): EventIn<"claiming"> {
  const { delivery, policy } = scene;
  const { starts, takenOverFrom } = answer;
  const how = takenOverFrom === null ? "claimed" : `taken over from ${takenOverFrom}, whose lease ended`;
  const { queuedMs } = delivery;
  const takenOver = takenOverFrom !== null;
  delivery.log("info", "step.claimed", how, { fence: hold.fence, starts, queuedMs, takenOver });
  if (starts === 1) logRefusedTags(scene);
  delivery.sameBody = isSameBody(scene, answer);
  return { is: "granted", hold, starts, budget: policy.maxStarts, sameBody: delivery.sameBody };
}

/**
 * A malformed body has no digest. A row that such a body made fits any body, and a row that a step
 * made fits no malformed one.
 */
function isSameBody({ delivery }: Scene, { payloadDigest: first }: Granted): boolean {
  return first === "" || first === digestOf(delivery);
}

function digestOf({ decoded }: Delivery): string {
  return decoded.kind === "step" ? payloadDigest(decoded.envelope) : "";
}

/** Reports the tags at the first start only: an attempt may be claimed many times. */
function logRefusedTags(scene: Scene): void {
  for (const refused of scene.refusedTags) {
    scene.delivery.log("warn", "step.tag_ignored", refused);
    noticeInDagster(scene, "warning", refused);
  }
}
