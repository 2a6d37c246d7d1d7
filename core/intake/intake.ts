// The intake: fetches the messages that can start at once, or almost at once, and starts them. It
// runs or gives back every received message. `core/intake/appetite.ts` decides how much of one
// queue is fetched. `core/intake/rota.ts` decides how much of which of several queues.

import { Seat, type Slots } from "../admission/slots.ts";
import type { Bugs } from "../bugs.ts";
import type { Breaker } from "../circuit/breaker.ts";
import type { Leave } from "../circuit/circuit.ts";
import type { Clock } from "../clock.ts";
import type { CutReceive, CutReceives } from "../ledger/cut-receives.ts";
import { onAbort } from "../on-abort.ts";
import { MESSAGES_A_REQUEST, type Message } from "../queue/port.ts";
import { appetite, PaceMeter } from "./appetite.ts";
import { type Chain, chainsOf, runChain } from "./chains.ts";
import type { Lane } from "./lane.ts";
import { cutNow, endReceives } from "./last-receives.ts";
import { type Ask, Rota } from "./rota.ts";

export interface IntakePorts {
  readonly lanes: readonly Lane[];
  /** Must call `wake` when a slot becomes free. */
  readonly slots: Slots;
  readonly breaker: Pick<Breaker, "pause">;
  readonly clock: Clock;
  readonly bugs: Pick<Bugs, "supervise">;
  /** Has the receives that a stop cuts. */
  readonly cutReceives: Pick<CutReceives, "leave">;
  /**
   * Aborts when a stop cannot wait any longer. Deliveries end by themselves then, and the intake
   * cuts the receives under way of standard queues, too.
   */
  readonly kill: AbortSignal;
}

export interface IntakeSettings {
  readonly waitMs: number;
  /** Also how long SQS hides a received message. */
  readonly leaseMs: number;
}

/**
 * A message that was fetched ahead of its need goes back after this long without a slot: another
 * worker may have one.
 */
const AHEAD_PATIENCE_MS = 1_000;
/** The longest wait of each receive where there are more queues than slots to wait with. */
const SECOND_MS = 1_000;
/** How soon a long poll brings a message that became visible. SQS takes tens of milliseconds. */
const HANDED_OUT_AGAIN_MS = 250;

export class Intake {
  readonly #ports: IntakePorts;
  readonly #settings: IntakeSettings;
  readonly #stopped: AbortSignal;
  readonly #rota: Rota;
  readonly #pace = new PaceMeter();
  /** Receives and chains. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #chains = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #lastTurnAtMs: number;
  #waiting = 0;
  #backlog = false;
  /** The loop will be woken after a moment, because time alone may change its answer. */
  #pausing = false;
  /** Resolves the loop's wait for a change. */
  #resume: () => void = () => undefined;

  /** `stopped` aborts when nothing more may be received. */
  constructor(ports: IntakePorts, settings: IntakeSettings, stopped: AbortSignal) {
    this.#ports = ports;
    this.#settings = settings;
    this.#stopped = stopped;
    this.#lastTurnAtMs = ports.clock.monoMs();
    this.#rota = new Rota(ports.lanes.map(({ weight }) => weight));
  }

  /** Monotonic time at which the loop last went round. */
  get lastTurnAtMs(): number {
    return this.#lastTurnAtMs;
  }

  /** Lets the loop look for work. Call it when a slot becomes free. */
  wake(): void {
    this.#resume();
  }

  /**
   * Receives until `stopped` aborts, then ends the receives under way. Those of a standard queue it
   * lets finish, because SQS hides the messages of an aborted one. Resolves when every delivery
   * that was started has ended. While a queue is quiet, gives back what its receives fetch. Never
   * rejects.
   */
  async run(): Promise<void> {
    const { bugs, kill } = this.#ports;
    await bugs.supervise("intake", this.#receive());
    const last = { ...this.#ports, alone: () => this.#alone(), over: this.#over.signal };
    void bugs.supervise("intake", endReceives(last));
    onAbort(kill, () => void bugs.supervise("intake", cutNow(last)));
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#over.abort("over");
  }

  async #alone(): Promise<void> {
    while (this.#chains.size > 0) {
      await Promise.all(this.#chains);
      await this.#ports.clock.sleep(HANDED_OUT_AGAIN_MS, this.#over.signal);
    }
  }

  /**
   * Repeats a receive that another worker cut, and starts the messages that it brings. Returns
   * their number. Rejects with a `Fault`. Call it before `stopped` aborts.
   */
  repeat(lane: Lane, receive: CutReceive): Promise<number> {
    const brought = this.#repeat(lane, receive);
    this.#track(
      brought.then(
        () => undefined,
        () => undefined,
      ),
      this.#underWay,
    );
    return brought;
  }

  async #repeat(lane: Lane, receive: CutReceive): Promise<number> {
    const poll = lane.beginPoll(receive.max, 0);
    let messages: readonly Message[] = [];
    try {
      messages = await lane.repeat(receive, this.#settings.leaseMs);
      return messages.length;
    } finally {
      lane.endPoll(poll, messages.length);
      this.#start(lane, messages, poll.reserved);
      this.wake();
    }
  }

  async #receive(): Promise<void> {
    const { clock, lanes } = this.#ports;
    this.#stopped.addEventListener("abort", () => this.wake());
    while (!this.#stopped.aborted) {
      this.#lastTurnAtMs = clock.monoMs();
      const leaves = lanes.map(({ gate }) => gate.leave());
      const ask = lanes.length === 1 ? this.#askOne(leaves[0] ?? null) : this.#askOneOf(leaves);
      if (ask !== null) this.#track(this.#poll(ask), this.#underWay);
      else await this.#change(leaves.includes(null) || this.#rota.isWaiting(clock.monoMs()));
    }
  }

  #askOne(leave: Leave | null): Ask | null {
    const [lane] = this.#ports.lanes;
    // On trial, one delivery at a time may try.
    if (lane === undefined || leave === null || (leave.max < MESSAGES_A_REQUEST && lane.polls > 0)) return null;
    const pace = this.#pace.at(this.#ports.clock.monoMs());
    const { slots, polls, askedAhead: asked } = lane;
    const load = { free: slots.free, waiting: this.#waiting, asked, polls, pace };
    const max = Math.min(leave.max, appetite({ ...load, backlog: this.#backlog }));
    return max === 0 ? null : { queue: 0, max, wait: leave.longPoll ? "long" : "none", alone: false };
  }

  #askOneOf(leaves: readonly (Leave | null)[]): Ask | null {
    const { lanes, slots, clock } = this.#ports;
    const onTrial = leaves.some((leave) => leave !== null && leave.max < MESSAGES_A_REQUEST && leave.longPoll);
    if (onTrial && lanes.some(({ polls }) => polls > 0)) return null;
    const rooms = lanes.map(({ slots, polls }, i) => {
      const leave = leaves[i] ?? null;
      const probe = leave !== null && !leave.longPoll;
      return { free: slots.free, max: leave?.max ?? 0, probe, polled: polls > 0 };
    });
    return this.#rota.next(clock.monoMs(), onTrial ? Math.min(1, slots.free) : slots.free, rooms);
  }

  /**
   * Resolves at the next `wake`. A slot became free, a waiting chain took one, a receive ended, or
   * the worker stops. With `soon`, it resolves after a moment at the latest.
   */
  async #change(soon: boolean): Promise<void> {
    if (soon && !this.#pausing) void this.#pause();
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      if (this.#stopped.aborted) resolve();
    });
  }

  async #pause(): Promise<void> {
    this.#pausing = true;
    try {
      await this.#ports.breaker.pause();
    } finally {
      this.#pausing = false;
    }
    this.wake();
  }

  #track(work: Promise<void>, ...sets: readonly Set<Promise<void>>[]): void {
    const tracked = this.#ports.bugs.supervise("intake", work).then(() => {
      for (const set of sets) set.delete(tracked);
    });
    for (const set of sets) set.add(tracked);
  }

  async #poll(ask: Ask): Promise<void> {
    const { lanes, clock } = this.#ports;
    const lane = lanes[ask.queue];
    if (lane === undefined) throw new Error(`no queue ${ask.queue} to ask`);
    const { leaseMs: visibilityMs } = this.#settings;
    const waitMs = this.#waitMs(ask);
    this.#rota.asked(ask, clock.monoMs());
    const poll = lane.beginPoll(ask.max, waitMs);
    const messages = await lane.receive(poll, { waitMs, visibilityMs });
    lane.endPoll(poll, messages.length);
    this.#rota.answered(ask, messages.length, clock.monoMs());
    this.#backlog = messages.length === ask.max;
    this.#start(lane, messages, poll.reserved);
    this.wake();
  }

  #waitMs({ wait }: Ask): number {
    const { waitMs } = this.#settings;
    if (wait === "none") return 0;
    return wait === "long" ? waitMs : Math.min(waitMs, SECOND_MS);
  }

  /**
   * Gives the reserved slots to the chains in the order they came in, and then those that other
   * receives keep free. Frees the slots that are left over, and lets the chains that are left over
   * wait.
   */
  #start(lane: Lane, messages: readonly Message[], kept: number): void {
    const chains = chainsOf(messages, lane);
    const reserved = kept + lane.takeReserved(Math.max(0, chains.length - kept));
    for (const [i, chain] of chains.entries()) {
      const run = i < reserved ? this.#run(lane, chain, new Seat(lane.slots)) : this.#runInTurn(lane, chain);
      this.#track(run, this.#underWay, this.#chains);
    }
    lane.slots.release(Math.max(0, reserved - chains.length));
  }

  async #runInTurn(lane: Lane, chain: Chain): Promise<void> {
    this.#waiting += 1;
    const seated = await this.#takeInTime(lane);
    this.#waiting -= 1;
    this.wake();
    await this.#run(lane, chain, seated ? new Seat(lane.slots) : null);
  }

  async #takeInTime({ slots, quiet }: Lane): Promise<boolean> {
    const { signal, clear } = this.#ports.clock.deadline(AHEAD_PATIENCE_MS, [quiet.signal]);
    return await slots.take(signal).finally(clear);
  }

  async #run(lane: Lane, chain: Chain, seat: Seat | null): Promise<void> {
    const { clock } = this.#ports;
    const beganMs = clock.monoMs();
    await runChain(chain, seat, lane);
    if (seat !== null) this.#pace.ended(clock.monoMs(), clock.monoMs() - beganMs);
  }
}
