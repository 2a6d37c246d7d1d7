// The intake: fetches what can start at once, or as good as at once, and starts it. A message that was received is always either run or
// given back. `core/appetite.ts` decides how much is fetched.
import { appetite, PaceMeter, RECEIVE_MAX } from "./appetite.ts";
import type { Breaker } from "./breaker.ts";
import { type Chain, type ChainPorts, chainsOf, runChain } from "./chains.ts";
import type { Leave } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import type { LeaseKeeper } from "./lease.ts";
import type { Message, Queue, ReceiveOptions } from "./queue/port.ts";
import type { Quiet } from "./quiet.ts";
import { Seat, type Slots } from "./slots.ts";
import type { Disposition } from "./states.ts";

export interface IntakePorts extends ChainPorts {
  readonly queue: Pick<Queue, "receive" | "extend">;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly slots: Slots;
  /** Says whether anything may be received, and is told how receives end. */
  readonly breaker: Pick<Breaker, "leave" | "pause" | "received" | "receiveFailed">;
}

export interface IntakeSettings {
  readonly waitMs: number;
  readonly visibilityMs: number;
}

/** What the health server and a drain want to know. */
export interface IntakeState {
  /** Monotonic time the oldest receive under way began; null between receives. */
  pollingSinceMs: number | null;
  /** Slots kept free for what the receives under way may fetch; nothing runs in them. */
  slotsInPoll: number;
  /** Monotonic time the loop last went round. */
  lastTurnAtMs: number;
  received: number;
  readonly ended: Record<Disposition, number>;
}

/** What was fetched ahead of its need goes back after this long without a slot: another worker may have one. */
const AHEAD_PATIENCE_MS = 1_000;

export function newIntakeState(clock: Clock): IntakeState {
  return {
    pollingSinceMs: null,
    slotsInPoll: 0,
    lastTurnAtMs: clock.monoMs(),
    received: 0,
    ended: { acked: 0, buried: 0, released: 0, lost: 0 },
  };
}

/**
 * Receives until it is quiet for good, then finishes the receives under way (SQS would hide what an aborted one fetched) and waits
 * for every delivery that was started. Whenever it is quiet, what they fetch is given back.
 */
export async function runIntake(
  ports: IntakePorts,
  settings: IntakeSettings,
  quiet: Pick<Quiet, "stopped" | "signal">,
  state: IntakeState,
): Promise<void> {
  await new Intake(ports, settings, quiet, state).run();
}

class Intake {
  readonly #ports: IntakePorts;
  readonly #settings: IntakeSettings;
  readonly #quiet: Pick<Quiet, "stopped" | "signal">;
  readonly #state: IntakeState;
  readonly #pace = new PaceMeter();
  readonly #underWay = new Set<Promise<void>>();
  /** When each receive under way began, oldest first. */
  readonly #polls = new Set<{ readonly sinceMs: number }>();
  #asked = 0;
  #waiting = 0;
  #backlog = false;
  /** Resolves the loop's wait for something to have changed. */
  #wake: () => void = () => undefined;

  constructor(
    ports: IntakePorts,
    settings: IntakeSettings,
    quiet: Pick<Quiet, "stopped" | "signal">,
    state: IntakeState,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#quiet = quiet;
    this.#state = state;
  }

  async run(): Promise<void> {
    const { slots, clock, breaker } = this.#ports;
    const wake = () => this.#wake();
    slots.onFree = wake;
    this.#quiet.stopped.addEventListener("abort", wake);
    while (!this.#quiet.stopped.aborted) {
      this.#state.lastTurnAtMs = clock.monoMs();
      const leave = breaker.leave();
      const max = leave === null ? 0 : this.#appetite(leave);
      if (leave === null) await breaker.pause();
      else if (max === 0) await this.#change();
      else this.#track(this.#poll(max, leave));
    }
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #appetite(leave: Leave): number {
    const { slots, clock } = this.#ports;
    const polls = this.#polls.size;
    // On trial, one delivery at a time may try.
    if (leave.max < RECEIVE_MAX && polls > 0) return 0;
    const pace = this.#pace.at(clock.monoMs());
    const load = {
      free: slots.free,
      waiting: this.#waiting,
      asked: this.#asked - this.#state.slotsInPoll,
      polls,
      pace,
    };
    return Math.min(leave.max, appetite({ ...load, backlog: this.#backlog }));
  }

  /** Resolves when a slot became free or was taken by what waited, a receive ended, or the worker stops. */
  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#quiet.stopped.aborted) resolve();
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  async #poll(max: number, leave: Leave): Promise<void> {
    const { slots, clock } = this.#ports;
    const reserved = slots.takeFree(max);
    const poll = { sinceMs: clock.monoMs() };
    this.#polls.add(poll);
    this.#account(max, reserved);
    const { waitMs, visibilityMs } = this.#settings;
    const messages = await this.#receive({ max, waitMs: leave.longPoll ? waitMs : 0, visibilityMs });
    this.#polls.delete(poll);
    this.#account(-max, -reserved);
    this.#backlog = messages.length === max;
    this.#begin(messages, reserved);
    this.#wake();
  }

  #account(asked: number, reserved: number): void {
    const [oldest] = this.#polls;
    this.#asked += asked;
    this.#state.slotsInPoll += reserved;
    this.#state.pollingSinceMs = oldest?.sinceMs ?? null;
  }

  /** The breaker decides when a receive that failed is tried again. */
  async #receive(options: ReceiveOptions): Promise<readonly Message[]> {
    const { queue, breaker } = this.#ports;
    try {
      const messages = await queue.receive(options);
      breaker.received(messages.length);
      return messages;
    } catch (error) {
      breaker.receiveFailed(error);
      return [];
    }
  }

  /** The slots kept free go to the chains in the order they came in; what is left of either waits, or is given back. */
  #begin(messages: readonly Message[], reserved: number): void {
    const { leases, clock, slots } = this.#ports;
    const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
    this.#state.received += messages.length;
    const chains = chainsOf(messages).map((chain) =>
      chain.map((message) => ({ receivedAtMs, lease: leases.hold(message, monoMs) })),
    );
    for (const [i, chain] of chains.entries()) {
      this.#track(i < reserved ? this.#run(chain, new Seat(slots)) : this.#runInTurn(chain));
    }
    slots.release(Math.max(0, reserved - chains.length));
  }

  async #runInTurn(chain: Chain): Promise<void> {
    this.#waiting += 1;
    const seated = await this.#takeInTime();
    this.#waiting -= 1;
    this.#wake();
    await this.#run(chain, seated ? new Seat(this.#ports.slots) : null);
  }

  async #takeInTime(): Promise<boolean> {
    const { slots, clock } = this.#ports;
    const [late, over] = [new AbortController(), new AbortController()];
    void clock.sleep(AHEAD_PATIENCE_MS, over.signal).then(() => late.abort("no slot in time"));
    const taken = await slots.take(AbortSignal.any([this.#quiet.signal, late.signal]));
    over.abort("over");
    return taken;
  }

  async #run(chain: Chain, seat: Seat | null): Promise<void> {
    const { clock } = this.#ports;
    const beganMs = clock.monoMs();
    await runChain(chain, seat, this.#ports, this.#quiet.signal, (disposition) => {
      this.#state.ended[disposition] += 1;
    });
    if (seat !== null) this.#pace.ended(clock.monoMs(), clock.monoMs() - beganMs);
  }
}
