// Real time, ten times as fast: for tests with real processes that would otherwise wait for a
// backoff or a deadline.
import { type Clock, systemClock } from "../../../core/clock.ts";
import { timeLimits } from "../../../core/time-limits.ts";

const factor = 10;
const sleep: Clock["sleep"] = (ms, signal) => systemClock.sleep(ms / factor, signal);

export const fastClock: Clock = {
  wallMs: systemClock.wallMs,
  monoMs: () => systemClock.monoMs() * factor,
  sleep,
  ...timeLimits(sleep),
  // A real process needs real time to answer.
  deadline: systemClock.deadline,
};
