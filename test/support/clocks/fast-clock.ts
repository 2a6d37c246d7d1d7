// Real time, ten times as fast: for tests with real processes that would otherwise wait for a backoff or a deadline.
import { type Clock, systemClock } from "../../../core/clock.ts";

const factor = 10;

export const fastClock: Clock = {
  wallMs: systemClock.wallMs,
  monoMs: () => systemClock.monoMs() * factor,
  sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
};
