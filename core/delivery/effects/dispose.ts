// What happens to the message: deleted, copied to the dead letter queue, or given back.
import { errorFingerprint } from "../../dead-letters/fingerprint.ts";
import { describeError } from "../../faults.ts";
import type { DeadLetterReason } from "../../queue/port.ts";
import { releaseMs } from "../policy.ts";
import type { Effect, EventIn, Why } from "../states.ts";
import { askQueue, noticeInDagster, type Scene } from "./ports.ts";

export async function ack(scene: Scene): Promise<EventIn<"acking">> {
  const { delivery } = scene;
  const { receipt } = delivery.message;
  // All that is left may wait a moment for others to be deleted with; another step need not.
  delivery.seat.leave();
  const result = await askQueue(scene, "delete", (queue) => queue.ack([receipt]));
  if (result === "done") return { is: "acked" };
  const message = `could not be deleted (${result ?? "no answer"}); the redelivery will find its outcome recorded`;
  delivery.tell("warn", "delivery.ack_failed", message);
  return { is: "ack_failed" };
}

export async function bury(scene: Scene, why: Why): Promise<EventIn<"burying">> {
  const { delivery, ports } = scene;
  try {
    await ports.queue.bury(delivery.message, reasonOf(scene, why));
  } catch (error) {
    const message = `could not copy to the dead letter queue: ${describeError(error)}`;
    delivery.tell("error", "dead_letter.failed", message);
    return { is: "bury_failed" };
  }
  const { reason, detail } = why;
  delivery.tell("error", "dead_letter.buried", `moved to the dead letter queue (${reason}): ${detail}`, { reason });
  noticeInDagster(scene, "error", `Message moved to the dead letter queue (${reason}): ${detail}`, why.error);
  return { is: "buried" };
}

/** Prolonging stops first, or a late extension would overwrite the backoff. */
export async function release(
  scene: Scene,
  { after, starts }: Extract<Effect, { do: "release" }>,
): Promise<EventIn<"releasing">> {
  const { delivery, ports, policy } = scene;
  await delivery.lease.end();
  const { receipt, receiveCount: receives } = delivery.message;
  const visibilityMs = releaseMs(policy, after, { receives, starts }, ports.chance());
  const result = await askQueue(scene, "release", (queue) => queue.extend([{ receipt, visibilityMs }]));
  if (result === "done") {
    const message = `released, visible in ${Math.round(visibilityMs / 1000)} s`;
    delivery.tell("info", "delivery.released", message, { visibilityMs });
    return { is: "released" };
  }
  const message = `could not be released (${result ?? "no answer"}); visible again when its visibility ends`;
  delivery.tell("warn", "delivery.release_failed", message);
  return { is: "release_failed" };
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
