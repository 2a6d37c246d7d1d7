// Chains: the messages of one FIFO group, in order, or a message alone. A chain runs in one slot,
// one message after the other.

import type { Seat } from "../admission/slots.ts";
import { lostByBug, type Received } from "../delivery/delivery.ts";
import { askForOne } from "../delivery/effects/ports.ts";
import type { Disposition } from "../delivery/states.ts";
import type { Lease } from "../lease/lease.ts";
import { fieldsOfBody } from "../lease/message-fields.ts";
import type { RepeatedObservation } from "../observe.ts";
import type { Message } from "../queue/port.ts";
import type { Lane } from "./lane.ts";

/** A message that waits for its turn. */
export type Unseated = Omit<Received, "seat">;
export type Chain = readonly Unseated[];

/**
 * Prolongs the leases of received messages from now on, and orders them in chains. A message that
 * has no FIFO group is a chain of its own.
 */
export function chainsOf(messages: readonly Message[], { leases, clock }: Lane): readonly Chain[] {
  const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
  const chains = new Map<string, Unseated[]>();
  for (const message of messages) {
    // A standard queue's group is a tenant, which asks for no order. Such a queue has no
    // deduplication ids.
    const group = message.deduplicationId === null ? null : message.groupId;
    const name = group === null ? `message ${message.id}` : `group ${group}`;
    const unseated = { receivedAtMs, lease: leases.hold(message, monoMs) };
    const chain = chains.get(name);
    if (chain === undefined) chains.set(name, [unseated]);
    else chain.push(unseated);
  }
  return [...chains.values()];
}

/**
 * Runs a chain in its seat. Gives it back if there is no seat. When one of its messages goes back
 * to the queue, the messages behind it go back, too: they must not overtake it.
 */
export async function runChain(chain: Chain, seat: Seat | null, lane: Lane): Promise<void> {
  const quiet = lane.quiet.signal;
  let broken = seat === null;
  try {
    for (const unseated of chain) {
      broken ||= quiet.aborted || !(await seat?.retake(quiet));
      const disposition =
        broken || seat === null ? await giveBack(unseated.lease, lane) : await deliver({ ...unseated, seat }, lane);
      lane.ended[disposition] += 1;
      broken ||= disposition === "released" || disposition === "lost";
    }
  } finally {
    seat?.leave();
  }
}

async function deliver(received: Received, { executor, quiet, observe }: Lane): Promise<Disposition> {
  return await lostByBug(received, observe, executor.processDelivery(received, quiet.signal));
}

async function giveBack(lease: Lease, { queue, outages, observe }: Lane): Promise<Disposition> {
  const { message: given } = lease;
  await lease.end();
  const failure = (why: string): RepeatedObservation => {
    const message = `could not give the message back; SQS shows it again when its visibility ends: ${why}`;
    return { event: "delivery.give_back_failed", level: "warn", message, ...fieldsOfBody(given) };
  };
  const extend = () => queue.extend([{ receipt: given.receipt, visibilityMs: 0 }]);
  if (await askForOne("ChangeMessageVisibility", extend, outages, failure)) {
    observe({
      event: "delivery.given_back",
      level: "info",
      message: "message given back without a start",
      ...fieldsOfBody(given),
    });
  }
  return "released";
}
