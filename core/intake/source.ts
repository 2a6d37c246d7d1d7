// A source: one queue that the intake receives from, with what is its own: leases, gate, and its share of the slots.

import type { Quiet } from "../admission/quiet.ts";
import type { Share } from "../admission/slots.ts";
import type { QueueGate } from "../circuit/queue-gate.ts";
import type { Clock } from "../clock.ts";
import type { Disposition } from "../delivery/states.ts";
import type { LeaseKeeper } from "../lease/lease.ts";
import type { Message, Queue, ReceiveOptions } from "../queue/port.ts";
import type { Chain, ChainPorts } from "./chains.ts";

export interface SourcePorts extends ChainPorts {
  readonly queue: Pick<Queue, "receive" | "extend">;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly slots: Share;
  readonly quiet: Pick<Quiet, "signal">;
  /** Says whether anything may be received, and is told how receives end. */
  readonly gate: Pick<QueueGate, "leave" | "received" | "receiveFailed">;
}

type Came = (messages: readonly Message[], reserved: number) => void;

export class Source {
  readonly ports: SourcePorts;
  /** How a log and `/readyz` name it. */
  readonly name: string;
  /** Null: it comes before those that have one. */
  readonly weight: number | null;
  received = 0;
  readonly ended: Record<Disposition, number> = { acked: 0, buried: 0, released: 0, lost: 0 };
  /** When each receive under way began, oldest first. */
  readonly #polls = new Set<{ readonly sinceMs: number }>();
  #asked = 0;
  #slotsInPoll = 0;

  constructor(name: string, weight: number | null, ports: SourcePorts) {
    this.name = name;
    this.weight = weight;
    this.ports = ports;
  }

  get polls(): number {
    return this.#polls.size;
  }

  /** Monotonic time the oldest receive under way began; null between receives. */
  get pollingSinceMs(): number | null {
    const [oldest] = this.#polls;
    return oldest?.sinceMs ?? null;
  }

  /** Slots kept free for what the receives under way may fetch; nothing runs in them. */
  get slotsInPoll(): number {
    return this.#slotsInPoll;
  }

  /** What the receives under way may bring beside what has a slot. */
  get askedAhead(): number {
    return this.#asked - this.#slotsInPoll;
  }

  /** Slots with a step in them. */
  get busy(): number {
    return this.ports.slots.busy - this.#slotsInPoll;
  }

  /**
   * One receive. `came` is told what it brought, of a receive that fails nothing, and how many slots were kept free for that; when it
   * returns, they are its own.
   */
  async poll(options: ReceiveOptions, came: Came): Promise<void> {
    const { slots, clock } = this.ports;
    const { max } = options;
    const reserved = slots.takeFree(max);
    const poll = { sinceMs: clock.monoMs() };
    this.#polls.add(poll);
    this.#asked += max;
    this.#slotsInPoll += reserved;
    const messages = await this.#receive(options);
    this.#polls.delete(poll);
    this.#asked -= max;
    this.#slotsInPoll -= reserved;
    this.received += messages.length;
    came(messages, reserved);
  }

  /** The gate decides when a receive that failed is tried again. */
  async #receive(options: ReceiveOptions): Promise<readonly Message[]> {
    const { queue, gate, clock } = this.ports;
    const sinceMs = clock.monoMs();
    try {
      const messages = await queue.receive(options);
      gate.received(messages.length);
      return messages;
    } catch (error) {
      gate.receiveFailed(error, sinceMs);
      return [];
    }
  }

  /** Takes charge of what was received. */
  hold(messages: readonly Message[], clock: Clock): Chain {
    const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
    return messages.map((message) => ({ receivedAtMs, lease: this.ports.leases.hold(message, monoMs) }));
  }
}
