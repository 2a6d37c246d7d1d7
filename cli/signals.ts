// Signals as a table. The handlers only note the request; each command decides what follows from
// it.
import type { Clock } from "../core/clock.ts";
import type { Observe } from "../core/observe.ts";
import { onAbort } from "../core/on-abort.ts";
import type { InTime } from "../core/time-limits.ts";

export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** The part of `process` that is needed. */
export interface SignalSource {
  on(event: StopSignal | "uncaughtException", listener: (error?: unknown) => void): unknown;
  off(event: StopSignal | "uncaughtException", listener: (error?: unknown) => void): unknown;
}

/**
 * How long a stop may take after its grace, and after a second signal: to give back, to close, and
 * to write the last lines of the log.
 */
export const LAST_MS = 1_000;

export interface StopRequests {
  /**
   * Aborts at the first signal: take nothing new, let what runs finish. The reason is the signal's
   * name.
   */
  readonly quiet: AbortSignal;
  /** Aborts at the second: end what runs. */
  readonly now: AbortSignal;
  /** Asks for the first stage, as a first signal does. */
  begin(why: string): void;
  /** Stops listening; the signals then do again what they do by default. */
  close(): void;
}

interface Entry {
  /** A repeat within this time is the same request, in milliseconds. */
  readonly echoMs: number;
}

const TABLE: Readonly<Record<StopSignal, Entry>> = {
  SIGTERM: { echoMs: 0 },
  // Ctrl-C reaches the whole foreground group, and npm (like other wrappers) passes its own copy on
  // to us as well (@npmcli/run-script, signal-manager.js). No hand presses it twice this fast.
  SIGINT: { echoMs: 150 },
  SIGHUP: { echoMs: 150 },
};

/** Not SIGHUP: a worker that was started with `nohup` outlives its terminal. */
const OF_WORKERS: readonly StopSignal[] = ["SIGTERM", "SIGINT"];

export function listenForStop(
  source: SignalSource,
  clock: Pick<Clock, "monoMs">,
  observe: Observe,
  signals: readonly StopSignal[] = OF_WORKERS,
): StopRequests {
  const quiet = new AbortController();
  const now = new AbortController();
  const lastAtMs = new Map<StopSignal, number>();
  let again = false;
  const note = (signal: StopSignal) => {
    const sinceMs = clock.monoMs() - (lastAtMs.get(signal) ?? Number.NEGATIVE_INFINITY);
    lastAtMs.set(signal, clock.monoMs());
    if (sinceMs < TABLE[signal].echoMs || now.signal.aborted) return;
    const [stage, message] = again
      ? [now, `${signal} again: ending what still runs`]
      : [quiet, `${signal}: taking no new steps; running steps may finish, and a second signal ends them at once`];
    again = true;
    observe({ event: "worker.signal", level: "info", message, signal });
    stage.abort(signal);
  };
  const listeners = signals.map((signal) => ({ signal, listener: () => note(signal) }));
  for (const { signal, listener } of listeners) source.on(signal, listener);
  return {
    quiet: quiet.signal,
    now: now.signal,
    begin: (why) => quiet.abort(why),
    close: () => {
      for (const { signal, listener } of listeners) source.off(signal, listener);
    },
  };
}

/**
 * Waits for `work`, but no longer than a stop may take. That is `LAST_MS` beyond the grace of the
 * first stage, or beyond the second stage. `graceMs` is asked when the first stage begins. `null`
 * means that only the second stage hurries.
 */
export async function withinStop<T>(
  work: Promise<T>,
  { quiet, now }: StopRequests,
  clock: Pick<Clock, "sleep">,
  graceMs: () => number | null,
): Promise<InTime<T>> {
  const over = new AbortController();
  const after = async (stage: AbortSignal, waitMs: () => number | null): Promise<InTime<T>> => {
    await aborted(stage);
    const ms = waitMs();
    await (ms === null ? aborted(over.signal) : clock.sleep(ms + LAST_MS, over.signal));
    return { inTime: false };
  };
  try {
    const done = work.then((value): InTime<T> => ({ inTime: true, value }));
    return await Promise.race([done, after(quiet, graceMs), after(now, () => 0)]);
  } finally {
    over.abort();
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}
