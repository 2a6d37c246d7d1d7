// The border between a worker and a service: one effect crosses it at a time, and everything that
// can go wrong with a call goes wrong here.
import type { ManualClock } from "../support/clocks/manual-clock.ts";
import type { Dice } from "./dice.ts";
import { type CallFault, callFaults, type FaultPlan, type Strike } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Trace } from "./trace.ts";

/** What all borders of a world share. */
export interface Surroundings {
  readonly clock: ManualClock;
  readonly dice: Dice;
  readonly faults: FaultPlan;
  readonly trace: Trace;
  readonly leaseMs: number;
}

export interface Call {
  /** `ledger.settle`. */
  readonly name: string;
  /** A key, a message or a worker. */
  readonly about: string;
  /** What the caller gets for a call that failed as a whole. */
  readonly broken: () => Error;
  readonly isDown?: () => boolean;
}

const LONGEST_TRIP_MS = 40;

export class Border {
  readonly #life: Life;
  readonly #around: Surroundings;

  constructor(life: Life, around: Surroundings) {
    this.#life = life;
    this.#around = around;
  }

  /**
   * `effect` learns which fault it has to show itself. Settles for a worker that lives and is
   * awake, and never for a dead one.
   */
  cross<T>(call: Call, effect: (fault: CallFault | null) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (!this.#life.dead) {
      this.#pass(call, effect).then(
        (value) => this.#life.enter(() => resolve(value)),
        (error: unknown) => this.#life.enter(() => reject(error)),
      );
    }
    return promise;
  }

  async #pass<T>(call: Call, effect: (fault: CallFault | null) => Promise<T>): Promise<T> {
    const { faults, trace } = this.#around;
    const strike = faults.at(call.name, call.about, callFaults);
    if (strike !== null) trace.note(this.#life.name, `fault: ${strike.id}`, call.about);
    await this.#goThere(call, strike);
    const kind = strike?.kind ?? null;
    if (kind === "refused" || call.isDown?.() === true) {
      trace.note(this.#life.name, `${call.name}: unreachable`, call.about);
      throw call.broken();
    }
    const value = await effect(kind);
    await this.#comeBack(strike);
    if (kind === "lost") throw call.broken();
    return value;
  }

  async #goThere({ name, about }: Call, strike: Strike<CallFault> | null): Promise<void> {
    const { dice, leaseMs } = this.#around;
    if (strike?.kind === "crash_before") this.#life.die();
    if (strike?.kind === "stall_before") this.#life.stall(this.#long(strike));
    const tripMs = dice.between(
      `trip ${name} ${about} ${this.#around.clock.monoMs()}`,
      -LONGEST_TRIP_MS,
      LONGEST_TRIP_MS,
    );
    if (strike?.kind === "late_request") await this.#pause(dice.between(`${strike.id} for`, 0, 2 * leaseMs));
    // Half of all calls take no time at all, so that effects also meet in the same instant.
    else if (tripMs > 0) await this.#pause(tripMs);
    if (this.#life.stalled && strike?.kind === "stall_before") await this.#life.hear(Promise.resolve());
    // What a dead worker had not sent is never sent; a late request was.
    if (this.#life.dead && strike?.kind !== "late_request") await new Promise<never>(() => undefined);
  }

  async #comeBack(strike: Strike<CallFault> | null): Promise<void> {
    if (strike?.kind === "crash_after") this.#life.die();
    if (strike?.kind === "stall_after") this.#life.stall(this.#long(strike));
    if (strike?.kind === "late_answer") await this.#pause(this.#long(strike));
  }

  /** From next to nothing to several leases. */
  #long({ id }: Strike): number {
    return this.#around.dice.between(`${id} for`, 1, 3 * this.#around.leaseMs);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#around.clock.schedule(ms, resolve));
  }
}
