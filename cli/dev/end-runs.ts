// The runs of a `taskiq dev` that stops: those whose last step has just ended are left to finish,
// the others are terminated.
import type { Clock } from "../../core/clock.ts";
import type { QueueServer } from "./queue-server.ts";
import type { Ui } from "./ui.ts";

/** A run worker sees the end of a step within a second. */
const FINISH_MS = 3_000;
const TERMINATE_MS = 8_000;
const LOOK_AGAIN_MS = 250;

type Runs = Pick<Ui, "runsUnderWay" | "terminate">;

/**
 * The worker has stopped. Returns how many runs were terminated; rejects when the UI does not
 * answer or `hurrying` aborts.
 */
export async function endRuns(
  ui: Runs,
  queue: Pick<QueueServer, "depth">,
  hurrying: AbortSignal,
  clock: Pick<Clock, "sleep" | "monoMs">,
): Promise<number> {
  const settled = async (withinMs: number) => {
    const endMs = clock.monoMs() + withinMs;
    let runs = await ui.runsUnderWay(hurrying);
    while (runs.length > 0 && clock.monoMs() < endMs && !hurrying.aborted) {
      await clock.sleep(LOOK_AGAIN_MS, hurrying);
      runs = await ui.runsUnderWay(hurrying);
    }
    return runs;
  };
  const left = await settled(queue.depth() > 0 ? 0 : FINISH_MS);
  if (left.length === 0) return 0;
  await ui.terminate(left, hurrying);
  await settled(TERMINATE_MS);
  return left.length;
}
