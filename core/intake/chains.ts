// Chains: the messages of one FIFO group, in order, or a message alone. A chain runs in one slot, one message after the other.

import type { Seat } from "../admission/slots.ts";
import type { Clock } from "../clock.ts";
import type { Received } from "../delivery/delivery.ts";
import { askForOne } from "../delivery/one-entry.ts";
import type { Disposition } from "../delivery/states.ts";
import type { Lease } from "../lease/lease.ts";
import type { Observe, RepeatedObservation } from "../observe.ts";
import type { Outages } from "../outages.ts";
import type { Message, Queue } from "../queue/port.ts";

/** A message that waits for its turn. */
export type Unseated = Omit<Received, "seat">;
export type Chain = readonly Unseated[];

export interface ChainPorts {
  readonly queue: Pick<Queue, "extend">;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly outages: Outages;
  readonly process: (received: Received) => Promise<Disposition>;
}

/** Messages of one FIFO group are one chain, in order; every other message is a chain of its own. */
export function chainsOf(messages: readonly Message[]): readonly (readonly Message[])[] {
  const chains = new Map<string, Message[]>();
  for (const message of messages) {
    // A standard queue's group is a tenant, not an order; it has no deduplication ids.
    const group = message.deduplicationId === null ? null : message.groupId;
    const name = group === null ? `message ${message.id}` : `group ${group}`;
    const chain = chains.get(name);
    if (chain === undefined) chains.set(name, [message]);
    else chain.push(message);
  }
  return [...chains.values()];
}

/**
 * Runs a chain in its seat, or gives it back when there is none. When one of its messages goes back to the queue, so do those behind it:
 * they must not overtake.
 */
export async function runChain(
  chain: Chain,
  seat: Seat | null,
  ports: ChainPorts,
  quiet: AbortSignal,
  ended: (disposition: Disposition) => void,
): Promise<void> {
  let broken = seat === null;
  try {
    for (const unseated of chain) {
      broken ||= quiet.aborted || !(await seat?.retake(quiet));
      const disposition =
        broken || seat === null ? await giveBack(unseated.lease, ports) : await run({ ...unseated, seat }, ports);
      ended(disposition);
      broken ||= disposition === "released" || disposition === "lost";
    }
  } finally {
    seat?.leave();
  }
}

/** A bug of ours must not take the worker's other steps with it: its delivery is left to come back when its visibility ends. */
async function run(received: Received, ports: ChainPorts): Promise<Disposition> {
  try {
    return await ports.process(received);
  } catch (error) {
    const { lease } = received;
    const message = `bug in the worker, please report it: ${error instanceof Error ? error.stack : error}`;
    ports.observe({ event: "delivery.bug", level: "error", message, messageId: lease.message.id });
    await lease.end();
    return "lost";
  }
}

async function giveBack(lease: Lease, { queue, outages, observe }: ChainPorts): Promise<Disposition> {
  const { id: messageId, receipt } = lease.message;
  await lease.end();
  const failure = (why: string): RepeatedObservation => {
    const message = `could not give back; visible when its visibility ends: ${why}`;
    return { event: "delivery.give_back_failed", level: "warn", message, messageId };
  };
  const extend = () => queue.extend([{ receipt, visibilityMs: 0 }]);
  if (await askForOne("ChangeMessageVisibility", extend, outages, failure)) {
    observe({ event: "delivery.given_back", level: "info", message: "given back unstarted", messageId });
  }
  return "released";
}
