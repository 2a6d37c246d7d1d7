// Disposes of the message: deletes it, copies it to the dead letter queue, or gives it back.

import { createHmac, randomUUID } from "node:crypto";
import { describeError } from "../../faults.ts";
import { inSeconds } from "../../formats/durations.ts";
import type { DeadLetterReason } from "../../queue/port.ts";
import { errorFingerprint } from "../fingerprint.ts";
import { parkedAdvice } from "../parked.ts";
import { releaseMs } from "../policy.ts";
import type { EffectOf, EventIn, Why } from "../states.ts";
import { askForOne, askLedger, noticeInDagster, type Scene } from "./ports.ts";

/** How the log names the call. */
const BURY = "copying to the dead letter queue";

export async function ack({ delivery, ports }: Scene): Promise<EventIn<"acking">> {
  const { id, receipt } = delivery.message;
  // The delete may wait a moment to share a request with others. The next step must not wait for
  // that.
  delivery.seat.leave();
  const failure = (why: string) => {
    const message = `could not delete the message (${why}); its redelivery finds the outcome recorded`;
    return delivery.about("warn", "delivery.ack_failed", message);
  };
  const acked = await askForOne("DeleteMessage", () => ports.queue.ack([receipt]), ports.outages, failure);
  if (acked) {
    ports.copied.delete(id);
    delivery.times.deleted = ports.clock.wallMs();
  }
  return { is: acked ? "acked" : "ack_failed" };
}

export async function bury(scene: Scene, { why }: EffectOf<"bury">): Promise<EventIn<"burying">> {
  const { delivery, ports } = scene;
  if (ports.copied.has(delivery.message.id)) {
    delivery.log("info", "dead_letter.has_copy", "in the dead letter queue already; only the message is deleted");
    return { is: "buried" };
  }
  try {
    await ports.queue.bury(delivery.message, reasonOf(scene, why), await burialId(scene));
    ports.outages.worked(BURY);
  } catch (error) {
    const message = `could not copy to the dead letter queue: ${describeError(error)}`;
    ports.outages.failed(BURY, error, delivery.about("error", "dead_letter.failed", message));
    return { is: "bury_failed" };
  }
  ports.copied.add(delivery.message.id);
  const { reason, detail } = why;
  const { step, parked } = delivery;
  const advice = parked && step !== null ? `. ${parkedAdvice(step, ports.queueName)}` : "";
  const moved = `moved to the dead letter queue (${reason}): ${detail}${advice}`;
  delivery.log("error", "dead_letter.buried", moved, { reason });
  if (!isUnknownHere(why)) noticeInDagster(scene, "error", `Message ${moved}`, why.error);
  return { is: "buried" };
}

/**
 * Returns the same id for every burial of this message, by any worker, so that a repetition makes
 * no second dead letter. A replay sends a new message, whose burial has another id. Returns a
 * random id if the ledger's key cannot be read: better two dead letters than none.
 */
async function burialId(scene: Scene): Promise<string> {
  const key = await askLedger(scene, "burial key", (ledger) => ledger.burialKey());
  return key === null ? randomUUID() : createHmac("sha256", key).update(scene.delivery.message.id).digest("hex");
}

/** Stops prolonging first, or a late extension would overwrite the backoff. */
export async function release(scene: Scene, { after, starts }: EffectOf<"release">): Promise<EventIn<"releasing">> {
  const { delivery, ports, policy } = scene;
  await delivery.lease.end();
  const { receipt, receiveCount: receives } = delivery.message;
  const visibilityMs = releaseMs(policy, after, { receives, starts }, ports.chance());
  const extend = () => ports.queue.extend([{ receipt, visibilityMs }]);
  const failure = (why: string) => {
    const message = `could not release the message (${why}); SQS shows it again when its visibility ends`;
    return delivery.about("warn", "delivery.release_failed", message);
  };
  const released = await askForOne("ChangeMessageVisibility", extend, ports.outages, failure);
  logAbandoned(scene, released ? visibilityMs : null);
  if (!released) return { is: "release_failed" };
  const message = `message released, visible again in ${inSeconds(visibilityMs)}`;
  delivery.log("info", "delivery.released", message, { visibilityMs });
  return { is: "released" };
}

/**
 * `hiddenMs` is for how long the message is hidden. `null` means until its visibility ends by
 * itself.
 */
function logAbandoned(scene: Scene, hiddenMs: number | null): void {
  const { delivery } = scene;
  const why = delivery.abandoned;
  if (why === null) return;
  const text = `back to the queue ${hiddenText(hiddenMs)}: ${why.detail}`;
  delivery.log("warn", "step.requeued", text, { ...(hiddenMs === null ? {} : { visibilityMs: hiddenMs }) });
  noticeInDagster(scene, "warning", `Step goes ${text}`, why.error);
}

function hiddenText(ms: number | null): string {
  if (ms === null) return "until its visibility ends";
  if (ms === 0) return "at once";
  return `for ${inSeconds(ms)}`;
}

/**
 * Returns whether no engine event can be written: this worker's instance has no such run, or the
 * message is not believed when it names one.
 */
function isUnknownHere({ reason }: Why): boolean {
  return reason === "other_instance" || reason === "unknown_run" || reason === "unsigned";
}

function reasonOf({ delivery, ports }: Scene, { reason, detail, error }: Why): DeadLetterReason {
  return {
    reason,
    detail,
    errorClass: error?.class ?? null,
    fingerprint: error === null ? null : errorFingerprint(error),
    starts: delivery.granted?.starts ?? 0,
    worker: ports.worker,
  };
}
