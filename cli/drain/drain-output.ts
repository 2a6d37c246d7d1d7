// What a drain says of itself: how far it has come, and how it ended. Pure.
import type { DrainEnd } from "../../core/drain/drain.ts";
import { counted } from "../../core/formats/counted.ts";
import type { QueueDepth } from "../../core/queue/port.ts";
import type { WorkerSnapshot } from "../../core/worker/snapshot.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Progress } from "../terminal/progress.ts";

export interface Drained {
  /** Null: it was stopped before it began. */
  readonly end: DrainEnd | null;
  /** Of the worker, when it was over. */
  readonly snapshot: Pick<WorkerSnapshot, "received" | "ended" | "outcomes">;
  /** A bug stopped the worker. */
  readonly bug: boolean;
  /** Why nothing was received when the drain ended. `null` means that nothing was in the way. */
  readonly closedBecause: string | null;
  readonly seconds: number;
}

/** One flat object: the log's fields, and what `--json` prints. */
export function summaryOf({ end, snapshot, seconds }: Drained) {
  const { received, ended, outcomes } = snapshot;
  return {
    end: end?.how ?? "stopped",
    seconds,
    received,
    succeeded: outcomes.success,
    failed: outcomes.failure + outcomes.resource_init_failure,
    up_for_retry: outcomes.up_for_retry,
    run_over: outcomes.run_over,
    given_up: outcomes.reported + outcomes.parked + outcomes.malformed,
    buried: ended.buried,
    given_back: ended.released,
    lost: ended.lost,
    approximately_left: end === null ? null : total(end.left),
    approximately_in_flight: end?.left.inFlight ?? null,
  };
}

export function summaryText(drained: Drained): string {
  const { end, closedBecause } = drained;
  const { succeeded, failed, up_for_retry, given_up, buried, seconds } = summaryOf(drained);
  const work = `${succeeded} succeeded, ${failed} failed, ${up_for_retry} up for retry, ${given_up} given up, ${buried} buried in ${seconds} s`;
  if (end?.how === "empty") return `the queue is empty: ${work}`;
  const stopped = drained.bug ? "stopped by a bug" : "stopped by a signal";
  const why = end?.how === "max_time" ? "the time is over" : stopped;
  const left =
    end === null ? "" : `; left: about ${counted(total(end.left), "message")}, ${end.left.inFlight} in flight`;
  return `not drained, ${why}: ${work}${left}${closedBecause === null ? "" : `; not receiving: ${closedBecause}`}`;
}

/**
 * A step that Dagster will retry has not failed yet, and one whose run was over was not wanted any
 * more. Time that ended because of an outage is the outage's doing.
 */
export function exitCodeOf(drained: Drained): ExitCode {
  const { failed, given_up, buried } = summaryOf(drained);
  if (drained.bug) return exitCodes.no;
  if (drained.end?.how === "empty") return failed + given_up + buried === 0 ? exitCodes.done : exitCodes.no;
  return drained.end?.how === "max_time" && drained.closedBecause !== null ? exitCodes.unreachable : exitCodes.no;
}

export function progressOf(snapshot: WorkerSnapshot, left: QueueDepth, elsewhere: number): Progress {
  const { ended, outcomes, busy, underWay, closedBecause } = snapshot;
  const done = ended.acked + ended.buried;
  const failed = outcomes.failure + outcomes.resource_init_failure + ended.buried;
  const notes = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(busy > 0 ? [`${busy} running`] : []),
    ...(closedBecause === null ? [] : [`not receiving: ${closedBecause}`]),
    ...(elsewhere > 0 ? [`waiting for ~${elsewhere} in flight elsewhere`] : []),
    ...(total(left) === 0 && underWay === 0 ? ["looking whether the queue stays empty"] : []),
  ];
  return { done, total: done + Math.max(total(left), underWay), approximate: true, note: notes.join(", ") };
}

function total({ visible, inFlight, delayed }: QueueDepth): number {
  return visible + inFlight + delayed;
}
