// Judges messages whose run the worker's Dagster instance does not know: the run is of another
// instance, was deleted, or never existed.
import type { Ending } from "../../runner/port.ts";
import type { Delivery } from "../delivery.ts";
import { MOST_STRANGE_RECEIVES } from "../policy.ts";
import type { EventIn, Swept, Why } from "../states.ts";

const MEND =
  "Give each instance a queue of its own, or point this worker's DAGSTER_HOME at the instance of the run workers";

/**
 * Returns `null` for a message of the instance `ours`, and if one of the two is not known. `lies`
 * says where it lies in the dead letter queue, and is `null` for a message of the queue.
 */
export function otherInstance(
  delivery: Delivery,
  ours: string | null,
  lies: Swept | null,
): Extract<EventIn<"received">, { is: "other_instance" }> | null {
  const theirs = delivery.instance;
  if (theirs === null || ours === null || theirs === ours) return null;
  const detail = `it names Dagster instance ${theirs}, and this worker runs steps of instance ${ours}. ${MEND}`;
  delivery.log("error", "delivery.other_instance", `not run: ${detail}`, { theirs, ours });
  const why: Why = { reason: "other_instance", detail, error: null, ...(lies === null ? {} : { swept: lies }) };
  return { is: "other_instance", why, spent: isSpent(delivery) };
}

/**
 * Counts a run that Dagster does not know as deleted only if the message names the instance that
 * was asked. A deleted run leaves no other proof behind in Dagster.
 */
export function unknownRun(
  delivery: Delivery,
  runId: string,
  { instance: asked, result }: Extract<Ending, { kind: "unknown_run" }>,
): Extract<EventIn<"executing">, { is: "ended" | "unknown_run" }> {
  const named = delivery.instance;
  if (named !== null && named === asked) {
    delivery.log("warn", "step.run_deleted", "its run was deleted: nothing is run", { instance: named });
    return { is: "ended", outcome: result };
  }
  const whose = named === null ? "the message names no instance" : `the message names instance ${named}`;
  const detail = `run ${runId} is not known to Dagster instance ${asked ?? "(without an identity)"}, and ${whose}. ${MEND}`;
  delivery.log("error", "step.unknown_run", `not run: ${detail}`, { theirs: named, ours: asked });
  return { is: "unknown_run", why: { reason: "unknown_run", detail, error: null }, spent: isSpent(delivery) };
}

function isSpent({ message }: Delivery): boolean {
  return message.receiveCount > MOST_STRANGE_RECEIVES;
}
