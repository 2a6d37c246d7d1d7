// The intake: fetches only what can start at once, and starts it. A message that was received is always either run or given back.
import type { Breaker } from "./breaker.ts";
import type { Leave } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import type { Received } from "./delivery.ts";
import type { Stopping } from "./effects/ports.ts";
import { describeError } from "./faults.ts";
import type { Lease, LeaseKeeper } from "./lease.ts";
import type { Observe } from "./observe.ts";
import type { Message, Queue, ReceiveOptions } from "./queue/port.ts";
import { Seat, type Slots } from "./slots.ts";
import type { Disposition } from "./states.ts";

export interface IntakePorts {
  readonly queue: Pick<Queue, "receive" | "extend">;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly slots: Slots;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Says whether anything may be received, and is told how receives end. */
  readonly breaker: Pick<Breaker, "leave" | "pause" | "received" | "receiveFailed">;
  readonly process: (received: Received) => Promise<Disposition>;
}

export interface IntakeSettings {
  readonly waitMs: number;
  readonly visibilityMs: number;
}

/** What the health server and a drain want to know. */
export interface IntakeState {
  /** Monotonic time the long poll under way began; null between polls. */
  pollingSinceMs: number | null;
  /** Slots kept free for what the poll may fetch; nothing runs in them. */
  slotsInPoll: number;
  /** Monotonic time the loop last went round. */
  lastTurnAtMs: number;
  received: number;
  readonly ended: Record<Disposition, number>;
}

/** A message that waits for its turn in its chain's slot. */
type Unseated = Omit<Received, "seat">;

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
 * Receives until `stopping.quiet` aborts, then finishes the poll under way (SQS would hide what an aborted one fetched) and waits
 * for every delivery that was started.
 */
export async function runIntake(
  ports: IntakePorts,
  settings: IntakeSettings,
  stopping: Stopping,
  state: IntakeState,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const start = (chain: readonly Unseated[]) => {
    const running = runChain(chain, ports, stopping, state).finally(() => underWay.delete(running));
    underWay.add(running);
  };
  while (!stopping.quiet.aborted) {
    state.lastTurnAtMs = ports.clock.monoMs();
    if (ports.breaker.leave() === null) {
      await ports.breaker.pause();
      continue;
    }
    if (!(await ports.slots.take(stopping.quiet))) break;
    const leave = ports.breaker.leave();
    if (leave === null)
      ports.slots.release(); // what it needs went down while every slot was taken
    else for (const chain of await receive(ports, settings, state, leave)) start(chain);
  }
  await Promise.all(underWay);
}

/** One slot was taken already; takes what else is free for the poll, and gives back what it did not need. */
async function receive(
  ports: IntakePorts,
  { waitMs, visibilityMs }: IntakeSettings,
  state: IntakeState,
  leave: Leave,
): Promise<readonly (readonly Unseated[])[]> {
  const { clock, leases } = ports;
  const taken = 1 + ports.slots.takeFree(leave.max - 1);
  state.slotsInPoll = taken;
  state.pollingSinceMs = clock.monoMs();
  const messages = await tryReceive(ports, { max: taken, waitMs: leave.longPoll ? waitMs : 0, visibilityMs });
  state.slotsInPoll = 0;
  state.pollingSinceMs = null;
  const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
  const chains = chainsOf(messages).map((chain) =>
    chain.map((message) => ({ receivedAtMs, lease: leases.hold(message, monoMs) })),
  );
  state.received += messages.length;
  ports.slots.release(taken - chains.length);
  return chains;
}

/** The breaker decides when a receive that failed is tried again. */
async function tryReceive({ queue, breaker }: IntakePorts, options: ReceiveOptions): Promise<readonly Message[]> {
  try {
    const messages = await queue.receive(options);
    breaker.received(messages.length);
    return messages;
  } catch (error) {
    breaker.receiveFailed(error);
    return [];
  }
}

/** Messages of one FIFO group are one chain, in order; every other message is a chain of its own. */
function chainsOf(messages: readonly Message[]): readonly (readonly Message[])[] {
  const chains = new Map<string, Message[]>();
  for (const message of messages) {
    // A standard queue's group is a tenant, not an order; it has no deduplication ids.
    const group = message.deduplicationId === null ? null : message.groupId;
    const name = group === null ? `message ${message.id}` : `group ${group}`;
    const chain = chains.get(name);
    if (chain === undefined) chains.set(name, [message]);
    else chain.push(message);
  }
  return [...chains.values()];
}

/** Runs a chain under one slot. When one of its messages goes back to the queue, so do those behind it: they must not overtake. */
async function runChain(
  chain: readonly Unseated[],
  ports: IntakePorts,
  stopping: Stopping,
  state: IntakeState,
): Promise<void> {
  const seat = new Seat(ports.slots);
  let broken = false;
  try {
    for (const unseated of chain) {
      broken ||= stopping.quiet.aborted || !(await seat.retake(stopping.quiet));
      const disposition: Disposition = broken
        ? await giveBack(unseated.lease, ports)
        : await run({ ...unseated, seat }, ports);
      state.ended[disposition] += 1;
      broken ||= disposition === "released" || disposition === "lost";
    }
  } finally {
    seat.leave();
  }
}

/** A bug of ours must not take the worker's other steps with it: its delivery is left to come back when its visibility ends. */
async function run(received: Received, ports: IntakePorts): Promise<Disposition> {
  try {
    return await ports.process(received);
  } catch (error) {
    const { lease } = received;
    const message = `bug in the worker, please report it: ${error instanceof Error ? error.stack : error}`;
    ports.observe({ event: "delivery.bug", level: "error", message, messageId: lease.message.id });
    await lease.end();
    return "lost";
  }
}

async function giveBack(lease: Lease, ports: IntakePorts): Promise<Disposition> {
  const { id: messageId, receipt } = lease.message;
  await lease.end();
  const how = await tryGiveBack(receipt, ports);
  if (how === "done") {
    ports.observe({ event: "delivery.given_back", level: "info", message: "given back unstarted", messageId });
  } else {
    const message = `could not give back; visible when its visibility ends: ${how}`;
    ports.observe({ event: "delivery.give_back_failed", level: "warn", message, messageId });
  }
  return "released";
}

/** `done`, or why not. */
async function tryGiveBack(receipt: string, { queue }: IntakePorts): Promise<string> {
  try {
    const [result] = await queue.extend([{ receipt, visibilityMs: 0 }]);
    return result ?? "no answer";
  } catch (error) {
    return describeError(error);
  }
}
