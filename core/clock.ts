// Time, always injected: two clocks named for their use, the one way to wait, and limits to how
// long a wait may take.
import { platform, uptime } from "node:os";
import { type TimeLimits, timeLimits } from "./time-limits.ts";

export interface Clock extends TimeLimits {
  /** Unix milliseconds: for records and messages, never for differences. */
  wallMs(): number;
  /**
   * Milliseconds since some fixed instant, never going back: for differences, never for records.
   * Time in which the machine is suspended counts.
   */
  monoMs(): number;
  /**
   * Resolves after `ms`, 24 days at most, or as soon as `signal` aborts; never rejects. Time in
   * which the machine is suspended may not count.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Twice the resolution of an uptime: Linux's /proc/uptime has two decimals. */
const UPTIME_GRAIN_MS = 20;
/** The wall clock has whole milliseconds, and is slewed by a few in a minute. */
const WALL_GRAIN_MS = 5;

/**
 * A monotonic clock that counts suspended time, because a lease ends in another machine's time.
 * Node's own `performance.now` and `process.hrtime` stand still then (libuv reads CLOCK_MONOTONIC).
 * `os.uptime` goes on, but only in steps of 10 ms.
 *
 * Reading the uptime means reading a file. So it is read only when the wall clock went another way
 * than the monotonic one. That happens when the machine was suspended, or when the wall clock was
 * set.
 */
export function countSuspended(monotonicMs: () => number, uptimeMs: () => number, wallMs: () => number): () => number {
  const aheadMs = uptimeMs() - monotonicMs();
  let offsetMs = wallMs() - monotonicMs();
  let suspendedMs = 0;
  return () => {
    const nowMs = monotonicMs();
    const seenMs = wallMs() - nowMs;
    if (Math.abs(seenMs - offsetMs) < WALL_GRAIN_MS) return nowMs + suspendedMs;
    offsetMs = seenMs;
    const missingMs = uptimeMs() - nowMs - aheadMs;
    if (missingMs > suspendedMs + UPTIME_GRAIN_MS) suspendedMs = missingMs;
    return nowMs + suspendedMs;
  };
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

const monotonicMs = () => performance.now();

/** A timer that is longer than Node's longest goes off at once. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS));
    signal?.addEventListener("abort", wake);
  });
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  // Elsewhere the uptime is the wall clock minus a date, and so may jump.
  monoMs: platform() === "linux" ? countSuspended(monotonicMs, () => uptime() * 1_000, Date.now) : monotonicMs,
  sleep,
  ...timeLimits(sleep),
};
