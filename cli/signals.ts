// Signals as a table. The handlers only note what was asked; the run command decides what follows from it.
import type { Clock } from "../core/clock.ts";
import type { Observe } from "../core/observe.ts";

export type StopSignal = "SIGTERM" | "SIGINT";

/** The part of `process` that is needed. */
export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

export interface StopRequests {
  /** Aborts at the first signal: take nothing new, let what runs finish. The reason is the signal's name. */
  readonly quiet: AbortSignal;
  /** Aborts at the second: end what runs. */
  readonly now: AbortSignal;
  /** Stops listening; the signals then do again what they do by default. */
  close(): void;
}

interface Entry {
  /** A repeat within this time is the same request, in milliseconds. */
  readonly echoMs: number;
}

const table: Readonly<Record<StopSignal, Entry>> = {
  SIGTERM: { echoMs: 0 },
  // Ctrl-C reaches the whole foreground group, and npm (like other wrappers) passes its own copy on to us as well (@npmcli/run-script,
  // signal-manager.js). Nobody presses it twice this fast.
  SIGINT: { echoMs: 150 },
};

export function listenForStop(source: SignalSource, clock: Pick<Clock, "monoMs">, observe: Observe): StopRequests {
  const quiet = new AbortController();
  const now = new AbortController();
  const lastAtMs = new Map<StopSignal, number>();
  const note = (signal: StopSignal) => {
    const sinceMs = clock.monoMs() - (lastAtMs.get(signal) ?? Number.NEGATIVE_INFINITY);
    lastAtMs.set(signal, clock.monoMs());
    if (sinceMs < table[signal].echoMs || now.signal.aborted) return;
    const [stage, message] = quiet.signal.aborted
      ? [now, `${signal} again: ending what still runs`]
      : [quiet, `${signal}: taking no new steps, letting those that run finish; once more ends them at once`];
    observe({ event: "worker.signal", level: "info", message, signal });
    stage.abort(signal);
  };
  const listeners = Object.keys(table).map((name) => {
    const signal = name as StopSignal;
    return { signal, listener: () => note(signal) };
  });
  for (const { signal, listener } of listeners) source.on(signal, listener);
  return {
    quiet: quiet.signal,
    now: now.signal,
    close: () => {
      for (const { signal, listener } of listeners) source.off(signal, listener);
    },
  };
}
