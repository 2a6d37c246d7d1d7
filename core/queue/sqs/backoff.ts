// How long the adapter waits before it asks SQS again.

/** Full jitter: a fleet that was throttled together must not come back together. `attempt` is 1 for the first retry. */
export function retryDelayMs(attempt: number, random: () => number): number {
  const ceilingMs = Math.min(2_000, 100 * 2 ** attempt);
  return Math.ceil(random() * ceilingMs);
}
