// What a worker's metrics read when they are collected.
import type { WorkerSnapshot } from "../worker/snapshot.ts";
import type { Meter } from "./port.ts";

/** Facts about the process, read by the caller: core/ does not reach it. */
export interface ProcessFacts {
  /** Resident memory. */
  readonly bytes: number;
  /** Share of the time since the last reading in which the event loop was busy, from 0 to 1. */
  readonly busy: number;
}

type Facts = Pick<WorkerSnapshot, "busy" | "slots" | "stopping" | "quiet" | "closedBecause">;

export function gaugeWorker(meter: Meter, snapshot: () => Facts, process: () => ProcessFacts): void {
  meter.gauge("taskiq.slots", () => {
    const { busy, slots } = snapshot();
    return [
      { value: busy, labels: { state: "busy" } },
      { value: slots - busy, labels: { state: "free" } },
    ];
  });
  meter.gauge("taskiq.worker.open", () => {
    const { stopping, quiet, closedBecause } = snapshot();
    return [{ value: !stopping && quiet === null && closedBecause === null ? 1 : 0, labels: {} }];
  });
  meter.gauge("nodejs.eventloop.utilization", () => [{ value: process().busy, labels: {} }]);
  meter.gauge("process.memory.usage", () => [{ value: process().bytes, labels: {} }]);
}
