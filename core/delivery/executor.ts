// The executor: takes one delivery through its life, one effect at a time. Every command that runs steps goes through `processDelivery`.

import { Delivery, type Received } from "./delivery.ts";
import { claim, wait } from "./effects/claim.ts";
import { ack, bury, release } from "./effects/dispose.ts";
import type { ExecutorPorts, Scene, Stopping } from "./effects/ports.ts";
import { execute, report } from "./effects/run.ts";
import { abandon, settle } from "./effects/settle.ts";
import { otherInstance } from "./effects/strangers.ts";
import { advance, received as start } from "./lifecycle.ts";
import { policyFor } from "./policy.ts";
import { whyUnsigned } from "./signature.ts";
import type { Disposition, Effect, Event, EventIn, State, Swept } from "./states.ts";

/** Resolves when the delivery has met its end; rejects for nothing that a message, a step or a dependency does. */
export async function processDelivery(
  received: Received,
  ports: ExecutorPorts,
  stopping: Stopping,
): Promise<Disposition> {
  const delivery = new Delivery(received, ports.observe);
  const { runner, senders } = ports;
  const strange =
    unsigned(delivery, ports) ??
    otherInstance(delivery, runner.instance(), null) ??
    senders.judge(delivery, runner.versions(), false);
  return await live(delivery, strange ?? decodedEvent(delivery, false), ports, stopping);
}

/** The same for a message that SQS itself moved to the dead letter queue, out of which `ports.queue` works. */
export async function processDeadLetter(
  received: Received,
  lies: Swept,
  ports: ExecutorPorts,
  stopping: Stopping,
): Promise<Disposition> {
  const detail = "SQS moved it to the dead letter queue: it was received too often without an end";
  return await endDeadLetter(received, { reason: "moved_by_sqs", detail, lies }, ports, stopping);
}

/** The same for any dead letter whose attempt an operator wants to fail: whatever its policy says of retries, and of leaving it open. */
export async function failDeadLetter(
  received: Received,
  detail: string,
  ports: ExecutorPorts,
  stopping: Stopping,
): Promise<Disposition> {
  return await endDeadLetter(received, { reason: "failed_by_operator", detail, lies: "aside" }, ports, stopping);
}

async function endDeadLetter(
  received: Received,
  given: Pick<Extract<Event, { is: "swept" }>, "reason" | "detail" | "lies">,
  ports: ExecutorPorts,
  stopping: Stopping,
): Promise<Disposition> {
  const delivery = new Delivery(received, ports.observe);
  const forged = unsigned(delivery, ports);
  // Without a step there is nothing to end: it is buried for what it is.
  if (forged !== null || delivery.stepId === null)
    return await live(delivery, forged ?? decodedEvent(delivery, true), ports, stopping);
  const malformed = delivery.decoded.kind === "malformed" ? delivery.decoded.detail : null;
  const { runner, senders } = ports;
  const strange =
    otherInstance(delivery, runner.instance(), given.lies) ??
    (given.reason === "moved_by_sqs" ? senders.judge(delivery, runner.versions(), true) : null);
  return await live(delivery, strange ?? { is: "swept", ...given, malformed }, ports, stopping);
}

async function live(
  delivery: Delivery,
  first: EventIn<"received">,
  ports: ExecutorPorts,
  stopping: Stopping,
): Promise<Disposition> {
  const scene: Scene = { delivery, ports, stopping, ...policyFor(ports.policy, delivery.tags) };
  let [state, effect]: readonly [State, Effect] = advance(start, first);
  while (state.at !== "done") [state, effect] = advance(state, await perform(effect, scene));
  await delivery.lease.end();
  const { disposition } = state;
  delivery.tell("debug", "delivery.done", `delivery ${disposition}`, { disposition });
  return disposition;
}

/** Null for a message that is believed. */
function unsigned({ message }: Delivery, { envelopeKeys }: ExecutorPorts): EventIn<"received"> | null {
  const detail = whyUnsigned(message, envelopeKeys);
  return detail === null ? null : { is: "unsigned", detail };
}

function decodedEvent(delivery: Delivery, swept: boolean): EventIn<"received"> {
  const { decoded } = delivery;
  switch (decoded.kind) {
    case "step":
      return { is: "decoded" };
    case "malformed":
      return { is: "malformed", detail: decoded.detail, readable: decoded.step !== null };
    case "unknown_version": {
      const message = `envelope version ${decoded.version} is not known to this worker; left for a newer one`;
      delivery.tell("warn", "delivery.unknown_version", message, { version: decoded.version });
      return { is: "unknown_version", swept };
    }
  }
}

function perform(effect: Effect, scene: Scene): Promise<Event> {
  switch (effect.do) {
    case "claim":
      return claim(scene);
    case "wait":
      return wait(scene, effect.leftMs);
    case "execute":
      return execute(scene);
    case "report":
      return report(scene, effect.why);
    case "settle":
      return settle(scene, effect);
    case "abandon":
      return abandon(scene, effect);
    case "bury":
      return bury(scene, effect.why);
    case "ack":
      return ack(scene);
    case "release":
      return release(scene, effect);
    case "none":
      throw new Error("nothing to perform");
  }
}
