// The intake: fetches what can start at once, or as good as at once, and starts it. A message that was received is always either run or
// given back. Of one queue, `core/intake/appetite.ts` decides how much is fetched; of several, `core/intake/rota.ts` decides which, too.

import { Seat, type Slots } from "../admission/slots.ts";
import type { Bugs } from "../bugs.ts";
import type { Breaker } from "../circuit/breaker.ts";
import type { Leave } from "../circuit/circuit.ts";
import type { Clock } from "../clock.ts";
import type { Message } from "../queue/port.ts";
import { appetite, PaceMeter, RECEIVE_MAX } from "./appetite.ts";
import { type Chain, chainsOf, runChain } from "./chains.ts";
import { type Ask, Rota } from "./rota.ts";
import type { Source } from "./source.ts";

export interface IntakePorts {
  readonly sources: readonly Source[];
  readonly slots: Slots;
  readonly breaker: Pick<Breaker, "pause">;
  readonly clock: Clock;
  readonly bugs: Pick<Bugs, "supervise">;
  /** Aborts when a stop cannot wait any longer: deliveries end by themselves then, and the receives under way are cut. */
  readonly kill: AbortSignal;
}

export interface IntakeSettings {
  readonly waitMs: number;
  readonly visibilityMs: number;
}

/** What the health server wants to know beside the sources. */
export interface IntakeState {
  /** Monotonic time the loop last went round. */
  lastTurnAtMs: number;
}

/** What was fetched ahead of its need goes back after this long without a slot: another worker may have one. */
const AHEAD_PATIENCE_MS = 1_000;
/** Where there are more queues than slots to wait with, each receive waits so long at the most. */
const SECOND_MS = 1_000;
/** How soon a long poll brings what became visible; with SQS it takes tens of milliseconds. */
const HANDED_OUT_AGAIN_MS = 250;

/**
 * Receives until `stopped` aborts, then finishes the receives under way (SQS may hide what an aborted one fetched) and waits
 * for every delivery that was started. While a queue is quiet, what its receives fetch is given back. Never rejects.
 */
export async function runIntake(
  ports: IntakePorts,
  settings: IntakeSettings,
  stopped: AbortSignal,
  state: IntakeState,
): Promise<void> {
  await new Intake(ports, settings, stopped, state).run();
}

class Intake {
  readonly #ports: IntakePorts;
  readonly #settings: IntakeSettings;
  readonly #stopped: AbortSignal;
  readonly #state: IntakeState;
  readonly #rota: Rota;
  readonly #pace = new PaceMeter();
  /** Receives and chains. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #chains = new Set<Promise<void>>();
  readonly #cut = new AbortController();
  #waiting = 0;
  #backlog = false;
  /** Time alone may change what is to be done. */
  #pausing = false;
  /** Resolves the loop's wait for something to have changed. */
  #wake: () => void = () => undefined;

  constructor(ports: IntakePorts, settings: IntakeSettings, stopped: AbortSignal, state: IntakeState) {
    this.#ports = ports;
    this.#settings = settings;
    this.#stopped = stopped;
    this.#state = state;
    this.#rota = new Rota(ports.sources.map(({ weight }) => weight));
  }

  async run(): Promise<void> {
    const { bugs, kill } = this.#ports;
    await bugs.supervise("intake", this.#receive());
    if (kill.aborted) void this.#cutWhenAlone();
    else kill.addEventListener("abort", () => void this.#cutWhenAlone(), { once: true });
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#cut.abort("over");
  }

  /** Waits for the deliveries and for what they give back: SQS would hand it to the abandoned receive, and hide it. */
  async #cutWhenAlone(): Promise<void> {
    while (this.#chains.size > 0) {
      await Promise.all(this.#chains);
      await this.#ports.clock.sleep(HANDED_OUT_AGAIN_MS, this.#cut.signal);
    }
    this.#cut.abort("alone");
  }

  async #receive(): Promise<void> {
    const { slots, clock, sources } = this.#ports;
    const wake = () => this.#wake();
    slots.onFree = wake;
    this.#stopped.addEventListener("abort", wake);
    while (!this.#stopped.aborted) {
      this.#state.lastTurnAtMs = clock.monoMs();
      const leaves = sources.map(({ ports: { gate } }) => gate.leave());
      const ask = sources.length === 1 ? this.#askOne(leaves[0] ?? null) : this.#askOneOf(leaves);
      if (ask !== null) this.#track(this.#poll(ask), this.#underWay);
      else await this.#change(leaves.includes(null) || this.#rota.isWaiting(clock.monoMs()));
    }
  }

  #askOne(leave: Leave | null): Ask | null {
    const [source] = this.#ports.sources;
    // On trial, one delivery at a time may try.
    if (source === undefined || leave === null || (leave.max < RECEIVE_MAX && source.polls > 0)) return null;
    const pace = this.#pace.at(this.#ports.clock.monoMs());
    const { polls, askedAhead: asked } = source;
    const load = { free: source.ports.slots.free, waiting: this.#waiting, asked, polls, pace };
    const max = Math.min(leave.max, appetite({ ...load, backlog: this.#backlog }));
    return max === 0 ? null : { queue: 0, max, wait: leave.longPoll ? "long" : "none", alone: false };
  }

  #askOneOf(leaves: readonly (Leave | null)[]): Ask | null {
    const { sources, slots, clock } = this.#ports;
    const onTrial = leaves.some((leave) => leave !== null && leave.max < RECEIVE_MAX && leave.longPoll);
    if (onTrial && sources.some(({ polls }) => polls > 0)) return null;
    const rooms = sources.map(({ ports, polls }, i) => {
      const leave = leaves[i] ?? null;
      const probe = leave !== null && !leave.longPoll;
      return { free: ports.slots.free, max: leave?.max ?? 0, probe, polled: polls > 0 };
    });
    return this.#rota.next(clock.monoMs(), onTrial ? Math.min(1, slots.free) : slots.free, rooms);
  }

  /** Resolves when a slot became free or was taken by what waited, a receive ended, the worker stops, or, `soon`, after a moment. */
  async #change(soon: boolean): Promise<void> {
    if (soon && !this.#pausing) void this.#pause();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#stopped.aborted) resolve();
    });
  }

  async #pause(): Promise<void> {
    this.#pausing = true;
    await this.#ports.breaker.pause();
    this.#pausing = false;
    this.#wake();
  }

  #track(work: Promise<void>, ...sets: readonly Set<Promise<void>>[]): void {
    const tracked = this.#ports.bugs.supervise("intake", work).then(() => {
      for (const set of sets) set.delete(tracked);
    });
    for (const set of sets) set.add(tracked);
  }

  async #poll(ask: Ask): Promise<void> {
    const { sources, clock } = this.#ports;
    const source = sources[ask.queue];
    if (source === undefined) throw new Error(`no queue ${ask.queue} to ask`);
    this.#rota.asked(ask, clock.monoMs());
    const { visibilityMs } = this.#settings;
    const options = { max: ask.max, waitMs: this.#waitMs(ask), visibilityMs, cut: this.#cut.signal };
    await source.poll(options, (messages, reserved) => {
      this.#rota.answered(ask, messages.length, clock.monoMs());
      this.#backlog = messages.length === ask.max;
      this.#begin(source, messages, reserved);
    });
    this.#wake();
  }

  #waitMs({ wait }: Ask): number {
    const { waitMs } = this.#settings;
    if (wait === "none") return 0;
    return wait === "long" ? waitMs : Math.min(waitMs, SECOND_MS);
  }

  /** The slots kept free go to the chains in the order they came in; what is left of either waits, or is given back. */
  #begin(source: Source, messages: readonly Message[], reserved: number): void {
    const { slots } = source.ports;
    const chains = chainsOf(messages).map((chain) => source.hold(chain, this.#ports.clock));
    for (const [i, chain] of chains.entries()) {
      const run = i < reserved ? this.#run(source, chain, new Seat(slots)) : this.#runInTurn(source, chain);
      this.#track(run, this.#underWay, this.#chains);
    }
    slots.release(Math.max(0, reserved - chains.length));
  }

  async #runInTurn(source: Source, chain: Chain): Promise<void> {
    this.#waiting += 1;
    const seated = await this.#takeInTime(source);
    this.#waiting -= 1;
    this.#wake();
    await this.#run(source, chain, seated ? new Seat(source.ports.slots) : null);
  }

  async #takeInTime(source: Source): Promise<boolean> {
    const { clock } = this.#ports;
    const [late, over] = [new AbortController(), new AbortController()];
    void clock.sleep(AHEAD_PATIENCE_MS, over.signal).then(() => late.abort("no slot in time"));
    const taken = await source.ports.slots.take(AbortSignal.any([source.ports.quiet.signal, late.signal]));
    over.abort("over");
    return taken;
  }

  async #run(source: Source, chain: Chain, seat: Seat | null): Promise<void> {
    const { clock } = this.#ports;
    const beganMs = clock.monoMs();
    await runChain(chain, seat, source.ports, source.ports.quiet.signal, (disposition) => {
      source.ended[disposition] += 1;
    });
    if (seat !== null) this.#pace.ended(clock.monoMs(), clock.monoMs() - beganMs);
  }
}
