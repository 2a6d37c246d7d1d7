// Waits that end in time: part of the clock, so that a test's clock decides when it is too late.
import { inSeconds } from "./formats/durations.ts";
import { onAbort } from "./on-abort.ts";

/** Nothing came in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

export type InTime<T> = { readonly inTime: true; readonly value: T } | { readonly inTime: false };

export interface Deadline {
  /**
   * Aborts with a `NoAnswer` when the time is over, or with the reason of a signal that aborted
   * sooner.
   */
  readonly signal: AbortSignal;
  /** Call it once the work is done: until then the deadline keeps the process alive. */
  clear(): void;
}

export interface TimeLimits {
  /**
   * Waits for `work`, `ms` at most. Rejects if `work` rejects in time. `work` that is late goes on,
   * and is ignored.
   */
  within<T>(ms: number, work: Promise<T>): Promise<InTime<T>>;
  /**
   * Starts a deadline. It also ends when one of `sooner` aborts, and leaves nothing on them once it
   * is cleared.
   */
  deadline(ms: number, sooner?: readonly AbortSignal[]): Deadline;
}

/** Returns the time limits of a clock that sleeps like this. */
export function timeLimits(sleep: (ms: number, signal: AbortSignal) => Promise<void>): TimeLimits {
  return {
    within: async (ms, work) => {
      const over = new AbortController();
      const late = sleep(ms, over.signal).then(() => ({ inTime: false }) as const);
      try {
        return await Promise.race([work.then((value) => ({ inTime: true, value }) as const), late]);
      } finally {
        over.abort();
      }
    },
    deadline: (ms, sooner = []) => {
      const [ended, cleared] = [new AbortController(), new AbortController()];
      void sleep(ms, cleared.signal).then(() => {
        if (!cleared.signal.aborted) ended.abort(new NoAnswer(`no answer within ${inSeconds(ms)}`));
      });
      // Not AbortSignal.any: the signals may live as long as the worker, and Node 22 keeps some
      // memory for each of those.
      const undo = sooner.map((one) => onAbort(one, () => ended.abort(one.reason)));
      const clear = () => {
        cleared.abort();
        for (const one of undo) one();
      };
      return { signal: ended.signal, clear };
    },
  };
}
