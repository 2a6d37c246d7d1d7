// What a worker says of itself, for health and control endpoints, drains and logs.

import type { AskedQuiet } from "../admission/quiet.ts";
import type { Disposition } from "../delivery/states.ts";
import type { LaneSnapshot } from "../intake/lane.ts";
import type { Outcomes } from "./outcome-counts.ts";

/** Facts for the health server; times are monotonic milliseconds. */
export interface WorkerSnapshot {
  readonly busy: number;
  readonly slots: number;
  readonly stopping: boolean;
  /** Why every queue is quiet; null when one of them takes steps. */
  readonly quiet: AskedQuiet | null;
  /** What was received and is without its end, and a pass of the sweep. */
  readonly underWay: number;
  /** Nothing is under way, nor being received. */
  readonly idle: boolean;
  readonly received: number;
  readonly ended: Readonly<Record<Disposition, number>>;
  /** What was recorded, by the sweep too. */
  readonly outcomes: Outcomes;
  readonly closedBecause: string | null;
  /** Which code locations cannot be imported; null when all can. */
  readonly broken: string | null;
  readonly pollingSinceMs: number | null;
  readonly lastTurnAtMs: number;
  readonly queues: readonly LaneSnapshot[];
}
