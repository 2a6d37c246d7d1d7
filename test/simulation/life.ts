// One worker's life as its machine sees it: awake, stalled, or dead. Everything that would run its
// code comes through here.
import type { Clock } from "../../core/clock.ts";
import { timeLimits } from "../../core/time-limits.ts";
import type { ManualClock } from "../support/clocks/manual-clock.ts";

export class Life {
  readonly name: string;
  readonly #clock: ManualClock;
  readonly #waiting: (() => void)[] = [];
  readonly #mourners: (() => void)[] = [];
  #stalledUntilMs: number | null = null;
  #dead = false;
  /** Monotonic time of the last waking; a worker needs a moment to see what it missed. */
  wokeAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, clock: ManualClock) {
    this.name = name;
    this.#clock = clock;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get stalled(): boolean {
    return this.#stalledUntilMs !== null;
  }

  /** Runs it now, at the end of the stall, or never. */
  enter(callback: () => void): void {
    if (this.#dead) return;
    if (this.stalled) this.#waiting.push(callback);
    else callback();
  }

  /** What a service answers, heard only by a worker that is alive and awake. */
  hear<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.enter(() => resolve(value)),
        (error: unknown) => this.enter(() => reject(error)),
      );
    });
  }

  /**
   * None of its code runs for `ms`, while time goes on: SIGSTOP, a paused machine, an event loop
   * that is stuck.
   */
  stall(ms: number): void {
    if (this.#dead) return;
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs ?? 0, this.#clock.monoMs() + ms);
    this.#clock.schedule(ms, () => this.#wakeIfDue());
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#waiting.length = 0;
    for (const mourner of this.#mourners.splice(0)) mourner();
  }

  onDeath(mourner: () => void): void {
    this.#mourners.push(mourner);
  }

  /** The world's time, for this worker's code. */
  clock(): Clock {
    const { wallMs, monoMs } = this.#clock;
    const sleep: Clock["sleep"] = (ms, signal) => this.#sleep(ms, signal);
    return { wallMs, monoMs, sleep, ...timeLimits(sleep) };
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        callOff();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const callOff = this.#clock.schedule(ms, () => this.enter(wake));
      signal?.addEventListener("abort", wake);
    });
  }

  #wakeIfDue(): void {
    if (this.#stalledUntilMs === null || this.#clock.monoMs() < this.#stalledUntilMs) return;
    this.#stalledUntilMs = null;
    this.wokeAtMs = this.#clock.monoMs();
    for (const callback of this.#waiting.splice(0)) this.enter(callback);
  }
}
