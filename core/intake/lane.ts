// A lane: all that a worker has for one of its queues alone. Receipts, and whatever is done with them, mean something to their queue only.

import { Quiet } from "../admission/quiet.ts";
import { Share, type Slots } from "../admission/slots.ts";
import type { Breaker } from "../circuit/breaker.ts";
import { QueueGate } from "../circuit/queue-gate.ts";
import type { Received } from "../delivery/delivery.ts";
import type { ExecutorPorts } from "../delivery/effects/ports.ts";
import { type Disposition, dispositions } from "../delivery/states.ts";
import { LeaseKeeper, type LeaseSettings } from "../lease/lease.ts";
import type { Ledger } from "../ledger/port.ts";
import type { QuietQueue } from "../ledger/quiet-records.ts";
import { Outages } from "../outages.ts";
import type { Queue } from "../queue/port.ts";
import { queueNameOf } from "../queue/queue-place.ts";
import { Source } from "./source.ts";

/** One of the queues that a worker takes steps from. */
export interface WorkerQueue {
  readonly queue: Queue;
  /** How logs and `/readyz` call it, where there are several. */
  readonly name: string;
  /** Null: it comes before those that have one. */
  readonly weight: number | null;
  /** How many of the worker's slots its steps may have at once; null: all. */
  readonly most: number | null;
}

export interface Lane {
  readonly queue: Queue;
  /** The queue's name, without the rest of its URL. */
  readonly name: string;
  readonly quiet: Quiet;
  readonly gate: QueueGate;
  readonly leases: LeaseKeeper;
  readonly source: Source;
  readonly executor: ExecutorPorts;
}

export interface LanePorts extends Omit<ExecutorPorts, "queue" | "queueName" | "outages"> {
  readonly ledger: ExecutorPorts["ledger"] & Pick<Ledger, "renew">;
  readonly breaker: Pick<Breaker, "leave" | "received" | "mayReport">;
  readonly slots: Slots;
  /** Nothing is to be received any more. */
  readonly stopped: AbortSignal;
  /** `quiet` aborts when nothing that was received before may be started any more. */
  readonly process: (received: Received, executor: ExecutorPorts, quiet: AbortSignal) => Promise<Disposition>;
}

/** `only`: the worker has no other queue, and so no need to name it. */
export function openLane(
  { queue, name, weight, most }: WorkerQueue,
  given: LanePorts,
  lease: LeaseSettings,
  only: boolean,
): Lane {
  const observe: ExecutorPorts["observe"] = only ? given.observe : (said) => given.observe({ ...said, queue: name });
  const outages = new Outages({ clock: given.clock, observe });
  const quiet = new Quiet(given.stopped);
  const ports = { ...given, observe, queue, queueName: name, outages, quiet };
  const gate = new QueueGate(ports, only ? null : name, given.stopped);
  const leases = new LeaseKeeper(ports, lease);
  const slots = new Share(given.slots, most ?? given.slots.total);
  const process = (received: Received) => given.process(received, ports, quiet.signal);
  const source = new Source(name, weight, {
    queue,
    leases,
    slots,
    quiet,
    gate,
    clock: given.clock,
    observe,
    outages,
    process,
  });
  return { queue, name: queueNameOf(name), quiet, gate, leases, source, executor: ports };
}

export interface LaneSnapshot {
  readonly name: string;
  readonly busy: number;
  readonly received: number;
  /** Why nothing is received from this one, when others may be. */
  readonly closedBecause: string | null;
}

export function snapshotOf({ source: { name, busy, received }, gate }: Lane): LaneSnapshot {
  return { name, busy, received, closedBecause: gate.closedBecause() };
}

/** Those that take no steps because an operator asked. Queues of one name are told as one. */
export function quietQueuesOf(lanes: readonly Lane[]): readonly QuietQueue[] {
  const quiet = lanes.filter((lane) => lane.quiet.asked.length > 0);
  return [...Map.groupBy(quiet, ({ name }) => name)].map(([queue, same]) => {
    const busy = same.reduce((sum, { source }) => sum + source.busy, 0);
    return { queue, busy, idle: same.every(isIdle) };
  });
}

/** Nothing of it is under way or being received. */
function isIdle({ source }: Lane): boolean {
  const ended = Object.values(source.ended).reduce((sum, count) => sum + count);
  return source.polls === 0 && source.received === ended;
}

/** How many deliveries of all lanes ended in each way. */
export function endedOf(lanes: readonly Lane[]): Record<Disposition, number> {
  const sum = { acked: 0, buried: 0, released: 0, lost: 0 };
  for (const { source } of lanes) for (const how of dispositions) sum[how] += source.ended[how];
  return sum;
}

/** Why the worker receives nothing. A queue that is down does not keep it from the others. */
export function closedBecause(breaker: Breaker, lanes: readonly Lane[]): string | null {
  const own = lanes.map(({ gate }) => gate.closedBecause());
  const everyOne = own.includes(null) ? [] : own;
  const reasons = [...new Set([breaker.closedBecause(), ...everyOne])].filter((why) => why !== null);
  return reasons.length === 0 ? null : reasons.join("; ");
}
