// A lane: everything that a worker has for one of its queues. A receipt is valid for its own queue
// only, so each queue has its own leases and its own executor.

import { Quiet } from "../admission/quiet.ts";
import { Share, type Slots } from "../admission/slots.ts";
import type { Breaker } from "../circuit/breaker.ts";
import { QueueGate } from "../circuit/queue-gate.ts";
import type { Clock } from "../clock.ts";
import type { ExecutorPorts } from "../delivery/effects/ports.ts";
import { Executor } from "../delivery/executor.ts";
import type { Disposition } from "../delivery/states.ts";
import type { LeaseSettings } from "../lease/lease.ts";
import { LeaseKeeper } from "../lease/lease-keeper.ts";
import type { CutReceive, LeftReceive } from "../ledger/cut-receives.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import { Outages } from "../outages.ts";
import type { Message, Queue, ReceiveOptions } from "../queue/port.ts";
import { queueNameOf } from "../queue/queue-place.ts";

/** One of the queues that a worker takes steps from. */
export interface WorkerQueue {
  readonly queue: Queue;
  /** What logs and `/readyz` call it, where there are several. */
  readonly name: string;
  /** `null` means that it comes before the queues that have a weight. */
  readonly weight: number | null;
  /** How many of the worker's slots its steps may take at once. `null` means all. */
  readonly most: number | null;
}

export interface LaneParts {
  readonly queue: Queue;
  /** What logs and `/readyz` call it: the queue's name or its URL. */
  readonly label: string;
  /** `null` means that it comes before the lanes that have a weight. */
  readonly weight: number | null;
  readonly slots: Share;
  readonly quiet: Quiet;
  /** Decides whether the queue may be received from, and hears how receives end. */
  readonly gate: QueueGate;
  readonly leases: LeaseKeeper;
  readonly executor: Pick<Executor, "processDelivery" | "outOf">;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly outages: Outages;
}

/** A receive under way. */
export interface Poll {
  /** Monotonic time. */
  readonly sinceMs: number;
  /** Monotonic time at which SQS answers it, with messages or without. */
  readonly untilMs: number;
  /** How many messages it may bring. */
  readonly max: number;
  /** Slots kept free for them. Nothing runs in these. Another receive may take them over. */
  reserved: number;
  /** The request under way, on a FIFO queue. `null` before the first. */
  asked: Asked | null;
}

interface Asked {
  readonly attemptId: string;
  /** Monotonic time until which SQS may serve a request of that id, however its client ends. */
  readonly endsAtMs: number;
}

/** For what a request takes to reach SQS. */
const ON_ITS_WAY_MS = 1_000;

export class Lane implements LaneParts {
  readonly queue: Queue;
  readonly label: string;
  /** The queue's name, without the rest of its URL. */
  readonly name: string;
  readonly weight: number | null;
  readonly slots: Share;
  readonly quiet: Quiet;
  readonly gate: QueueGate;
  readonly leases: LeaseKeeper;
  readonly executor: LaneParts["executor"];
  readonly clock: Clock;
  readonly observe: Observe;
  readonly outages: Outages;
  received = 0;
  readonly ended: Record<Disposition, number> = { acked: 0, buried: 0, released: 0, lost: 0 };
  /** Oldest first. */
  readonly #polls = new Set<Poll>();
  readonly #cut = new AbortController();

  constructor(parts: LaneParts) {
    this.queue = parts.queue;
    this.label = parts.label;
    this.name = queueNameOf(parts.label);
    this.weight = parts.weight;
    this.slots = parts.slots;
    this.quiet = parts.quiet;
    this.gate = parts.gate;
    this.leases = parts.leases;
    this.executor = parts.executor;
    this.clock = parts.clock;
    this.observe = parts.observe;
    this.outages = parts.outages;
  }

  /** How many receives are under way. */
  get polls(): number {
    return this.#polls.size;
  }

  /** Monotonic time at which the oldest receive under way began. `null` between receives. */
  get pollingSinceMs(): number | null {
    const [oldest] = this.#polls;
    return oldest?.sinceMs ?? null;
  }

  /** Slots that the receives under way keep free. */
  get slotsInPoll(): number {
    return this.#sum(({ reserved }) => reserved);
  }

  /** How many messages without a slot the receives under way may bring. */
  get askedAhead(): number {
    return this.#sum(({ max, reserved }) => max - reserved);
  }

  /** Slots with a step in them. */
  get busy(): number {
    return this.slots.busy - this.slotsInPoll;
  }

  /** Received messages that have not met their end. */
  get underWay(): number {
    return this.received - Object.values(this.ended).reduce((sum, count) => sum + count);
  }

  /** Whether it receives nothing and every received message has met its end. */
  get idle(): boolean {
    return this.polls === 0 && this.underWay === 0;
  }

  /** How long the receives under way may still wait. */
  get pollsLeftMs(): number {
    const nowMs = this.clock.monoMs();
    return Math.max(0, ...[...this.#polls].map(({ untilMs }) => untilMs - nowMs));
  }

  /** Counts a receive as under way, and takes as many slots for it as are free. */
  beginPoll(max: number, waitMs: number): Poll {
    const sinceMs = this.clock.monoMs();
    const reserved = this.slots.takeFree(max);
    const poll: Poll = { sinceMs, untilMs: sinceMs + waitMs, max, reserved, asked: null };
    this.#polls.add(poll);
    return poll;
  }

  /**
   * Takes over at most `count` slots that the receives under way keep free. SQS may answer any of
   * them first, and what that brings must not wait for a slot that the others keep.
   */
  takeReserved(count: number): number {
    let taken = 0;
    for (const poll of this.#polls) {
      const some = Math.min(poll.reserved, count - taken);
      poll.reserved -= some;
      taken += some;
    }
    return taken;
  }

  /** The slots that were kept free are the caller's from now on. */
  endPoll(poll: Poll, received: number): void {
    this.#polls.delete(poll);
    this.received += received;
  }

  /**
   * Ends the wait of the receives under way. They bring what SQS fetched for them, if it says so.
   */
  cutPolls(): void {
    this.#cut.abort("cut");
  }

  /** What SQS may hand to the receives under way after they are cut. Empty on a standard queue. */
  async cuttable(): Promise<readonly LeftReceive[]> {
    const polls = [...this.#polls].flatMap(({ asked, max }) => (asked === null ? [] : { ...asked, max }));
    if (polls.length === 0) return [];
    const { url: queueUrl } = await this.queue.describe();
    const nowMs = this.clock.monoMs();
    return polls.map(({ attemptId, endsAtMs, max }) => {
      return { attemptId, queueUrl, max, leftMs: Math.max(0, endsAtMs - nowMs) };
    });
  }

  /**
   * Repeats a receive that another worker cut. Rejects with a `Fault`, of which the gate does not
   * learn: SQS may refuse one attempt id, and answer all others.
   */
  async repeat({ attemptId: repeats, max }: CutReceive, visibilityMs: number): Promise<readonly Message[]> {
    return await this.queue.receive({ max, waitMs: 0, visibilityMs, repeats, cut: this.#cut.signal });
  }

  /**
   * Receives once. Returns no messages if the receive fails: the gate decides when to try again.
   */
  async receive(poll: Poll, options: Pick<ReceiveOptions, "waitMs" | "visibilityMs">): Promise<readonly Message[]> {
    const sinceMs = this.clock.monoMs();
    const endsInMs = options.waitMs + ON_ITS_WAY_MS;
    const asked = (attemptId: string) => {
      // The id is repeated after a lost answer, and SQS may still serve the request before.
      if (poll.asked?.attemptId !== attemptId) poll.asked = { attemptId, endsAtMs: this.clock.monoMs() + endsInMs };
    };
    try {
      const messages = await this.queue.receive({ ...options, max: poll.max, asked, cut: this.#cut.signal });
      this.gate.received(messages.length);
      return messages;
    } catch (error) {
      this.gate.receiveFailed(error, sinceMs);
      return [];
    }
  }

  #sum(of: (poll: Poll) => number): number {
    return [...this.#polls].reduce((sum, poll) => sum + of(poll), 0);
  }
}

/** What the lanes of a worker share. */
export interface LanePorts extends Omit<ExecutorPorts, "queue" | "queueName" | "outages"> {
  readonly ledger: ExecutorPorts["ledger"] & Pick<Ledger, "renew">;
  readonly breaker: Pick<Breaker, "leave" | "received" | "mayReport">;
  readonly slots: Slots;
  /** Aborts when nothing more may be received. */
  readonly stopped: AbortSignal;
  /** Aborts when the steps that run must end. */
  readonly kill: AbortSignal;
}

/** `only` means that the worker has no other queue, so that its log need not name this one. */
export function openLane(taken: WorkerQueue, given: LanePorts, lease: LeaseSettings, only: boolean): Lane {
  const { queue, name: label, weight, most } = taken;
  const { clock, stopped } = given;
  const observe: Observe = only ? given.observe : (said) => given.observe({ ...said, queue: label });
  const outages = new Outages({ clock, observe });
  const quiet = new Quiet(stopped);
  const ports = { ...given, observe, queue, queueName: label, outages, quiet };
  return new Lane({
    queue,
    label,
    weight,
    slots: new Share(given.slots, most ?? given.slots.total),
    quiet,
    gate: new QueueGate(ports, only ? null : label, stopped),
    leases: new LeaseKeeper(ports, lease),
    executor: new Executor(ports, given.kill),
    clock,
    observe,
    outages,
  });
}
