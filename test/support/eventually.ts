// The one way tests wait: for a fact, with a deadline, and with what was seen last when it does not
// come.
import { setTimeout as pause } from "node:timers/promises";

const LOOK_AGAIN_MS = 50;

/**
 * Asks until the answer is neither null, undefined nor false, and returns it. Rejects after
 * `withinMs` (20 s), naming the fact. A probe that throws is asked again, and its last error is the
 * cause. Between two looks it waits `lookAgainMs`, which is longer for an expensive look.
 */
export async function eventually<T>(
  fact: string,
  probe: () => T | Promise<T>,
  withinMs = 20_000,
  lookAgainMs = LOOK_AGAIN_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const giveUpAt = performance.now() + withinMs;
  let last: unknown;
  do {
    try {
      const answer = await probe();
      if (answer !== null && answer !== undefined && answer !== false) {
        return answer as NonNullable<Exclude<T, false>>;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    await pause(lookAgainMs);
  } while (performance.now() < giveUpAt);
  throw new Error(`expected within ${withinMs / 1000} s: ${fact}`, { cause: last });
}
