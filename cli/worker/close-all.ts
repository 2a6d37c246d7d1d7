// Closing what a worker has open, at its end.
import { describeError } from "../../core/faults.ts";
import type { Observe } from "../../core/observe.ts";

/** By name; null is not open. */
export type Open = Readonly<Record<string, { close(): Promise<void> } | null>>;

/**
 * Closes everything, even when one refuses. Nothing depends on it any more, so a refusal is only
 * logged.
 */
export async function closeAll(open: Open, observe: Observe): Promise<void> {
  const ends = Object.entries(open).map(async ([what, one]) => {
    try {
      await one?.close();
    } catch (error) {
      const message = `could not close the ${what}: ${describeError(error)}`;
      observe({ event: "worker.close_failed", level: "warn", message });
    }
  });
  await Promise.all(ends);
}
