// A worker's facts about itself and its queues, for health and control endpoints, drains, logs and
// the ledger.

import type { AskedQuiet } from "../admission/quiet.ts";
import type { Breaker } from "../circuit/breaker.ts";
import type { Reason } from "../circuit/closing.ts";
import type { OutcomeCounts } from "../delivery/outcome-counts.ts";
import { type Disposition, dispositions } from "../delivery/states.ts";
import type { Lane } from "../intake/lane.ts";
import type { QuietQueue } from "../ledger/quiet-records.ts";

/** Times are monotonic milliseconds. */
export interface WorkerSnapshot {
  readonly busy: number;
  readonly slots: number;
  readonly stopping: boolean;
  /** Why every queue is quiet. `null` means that at least one takes steps. */
  readonly quiet: AskedQuiet | null;
  /** Deliveries that have not met their end, and passes of the sweep. */
  readonly underWay: number;
  /** No delivery is under way and no receive is. */
  readonly idle: boolean;
  readonly received: number;
  readonly ended: Readonly<Record<Disposition, number>>;
  /** The outcomes that this worker recorded, including the sweep's. */
  readonly outcomes: Readonly<OutcomeCounts>;
  readonly closedBecause: string | null;
  /** The code locations that cannot be imported. `null` means that all can. */
  readonly broken: string | null;
  readonly pollingSinceMs: number | null;
  readonly lastTurnAtMs: number;
  readonly queues: readonly LaneSnapshot[];
}

export interface LaneSnapshot {
  readonly name: string;
  readonly busy: number;
  readonly received: number;
  /** Why nothing is received from this queue, when others may be received from. */
  readonly closedBecause: string | null;
}

/** Why the worker receives, or does not: of all its queues, and of each. */
export interface IntakeState {
  /** What closes the intake of every queue. `cause` is that of `intake.closed`. */
  readonly outages: readonly Reason[];
  readonly queues: readonly LaneState[];
}

export interface LaneState {
  /** The queue's name, without the rest of its URL. */
  readonly name: string;
  readonly busy: number;
  /** How many slots its steps may take. */
  readonly most: number;
  readonly received: number;
  /** Whether a receive is under way. */
  readonly receiving: boolean;
  /** Why its receives fail. `null` means that they do not. */
  readonly failing: string | null;
  readonly quiet: readonly AskedQuiet[];
}

export function laneStateOf({ name, busy, slots, received, polls, gate, quiet }: Lane): LaneState {
  return { name, busy, most: slots.total, received, receiving: polls > 0, failing: gate.failing(), quiet: quiet.asked };
}

export function snapshotOf({ label: name, busy, received, gate }: Lane): LaneSnapshot {
  return { name, busy, received, closedBecause: gate.closedBecause() };
}

/**
 * Returns the queues that take no steps because an operator asked. Queues of one name count as one.
 */
export function quietQueuesOf(lanes: readonly Lane[]): readonly QuietQueue[] {
  const quiet = lanes.filter((lane) => lane.quiet.asked.length > 0);
  return [...Map.groupBy(quiet, ({ name }) => name)].map(([queue, same]) => {
    const busy = same.reduce((sum, lane) => sum + lane.busy, 0);
    return { queue, busy, idle: same.every((lane) => lane.idle) };
  });
}

/** Counts the deliveries of all lanes that ended in each way. */
export function endedOf(lanes: readonly Lane[]): Record<Disposition, number> {
  const sum = { acked: 0, buried: 0, released: 0, lost: 0 };
  for (const { ended } of lanes) for (const how of dispositions) sum[how] += ended[how];
  return sum;
}

/**
 * Says why the worker receives nothing. One queue that is down does not count while another is
 * received from.
 */
export function closedBecause(breaker: Breaker, lanes: readonly Lane[]): string | null {
  const own = lanes.map(({ gate }) => gate.closedBecause());
  const everyOne = own.includes(null) ? [] : own;
  const reasons = [...new Set([breaker.closedBecause(), ...everyOne])].filter((why) => why !== null);
  return reasons.length === 0 ? null : reasons.join("; ");
}
