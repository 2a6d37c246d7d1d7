// Real time that a test skips parts of: for a server whose visibilities last longer than anybody
// wants to wait. Sleeps, and so long polls, are a tenth as long.
import { type Clock, systemClock } from "../../../core/clock.ts";
import { fastClock } from "./fast-clock.ts";

export class SkippingClock implements Clock {
  #skippedMs = 0;

  readonly wallMs = (): number => systemClock.wallMs() + this.#skippedMs;

  readonly monoMs = (): number => fastClock.monoMs();

  readonly sleep = fastClock.sleep;

  readonly within = fastClock.within;

  readonly deadline = fastClock.deadline;

  /**
   * Moves the wall clock on, by which messages are hidden and deduplication ids remembered. No
   * sleeper wakes.
   */
  skip(ms: number): void {
    this.#skippedMs += ms;
  }
}
