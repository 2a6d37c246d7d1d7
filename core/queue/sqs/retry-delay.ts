// How long the adapter waits before it asks SQS again.
import { backoff } from "../../backoff.ts";

const retryBackoff = backoff({ baseMs: 200, capMs: 2_000, jitter: "full" });

/** `attempt` is 1 for the first retry. */
export function retryDelayMs(attempt: number, random: () => number): number {
  return Math.ceil(retryBackoff(attempt - 1, random()));
}
