// The intake: fetches only what can start at once, and starts it. A message that was received is always either run or given back.
import type { Clock } from "./clock.ts";
import type { Received } from "./delivery.ts";
import type { Stopping } from "./effects/ports.ts";
import { describeError } from "./faults.ts";
import type { Lease, LeaseKeeper } from "./lease.ts";
import type { Observe } from "./observe.ts";
import type { Message, Queue } from "./queue/port.ts";
import { Seat, type Slots } from "./slots.ts";
import type { Disposition } from "./states.ts";

export interface IntakePorts {
  readonly queue: Pick<Queue, "receive" | "extend">;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly slots: Slots;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly chance: () => number;
  /** Null when steps can be run, else why not: nothing is received then. */
  readonly closed: () => string | null;
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
  /** Why nothing is received; null while the intake is open. */
  closedBecause: string | null;
  received: number;
  readonly ended: Record<Disposition, number>;
}

/** A message that waits for its turn in its chain's slot. */
type Unseated = Omit<Received, "seat">;

/** SQS hands out at most ten messages in one receive. */
const RECEIVE_MAX = 10;
const ERROR_BACKOFF_MS = 1_000;
const ERROR_BACKOFF_CAP_MS = 30_000;
/** How often a closed intake looks whether it may open. */
const CLOSED_POLL_MS = 1_000;

export function newIntakeState(clock: Clock): IntakeState {
  return {
    pollingSinceMs: null,
    slotsInPoll: 0,
    lastTurnAtMs: clock.monoMs(),
    closedBecause: null,
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
  let failures = 0;
  while (!stopping.quiet.aborted) {
    state.lastTurnAtMs = ports.clock.monoMs();
    if (!(await isOpen(ports, stopping, state))) continue;
    if (!(await ports.slots.take(stopping.quiet))) break;
    if (ports.closed() !== null) {
      ports.slots.release(); // it closed while every slot was taken
      continue;
    }
    const messages = await receive(ports, settings, state);
    if (messages === null) {
      failures += 1;
      await ports.clock.sleep(errorBackoffMs(failures, ports.chance()), stopping.quiet);
      continue;
    }
    failures = 0;
    for (const chain of messages) start(chain);
  }
  await Promise.all(underWay);
}

/** One slot was taken already; takes what else is free for the poll, and gives back what it did not need. Null when the receive failed. */
async function receive(
  ports: IntakePorts,
  settings: IntakeSettings,
  state: IntakeState,
): Promise<readonly (readonly Unseated[])[] | null> {
  const { clock, leases } = ports;
  const taken = 1 + ports.slots.takeFree(RECEIVE_MAX - 1);
  state.slotsInPoll = taken;
  state.pollingSinceMs = clock.monoMs();
  const messages = await tryReceive(ports, { ...settings, max: taken });
  state.slotsInPoll = 0;
  state.pollingSinceMs = null;
  const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
  const chains = chainsOf(messages ?? []).map((chain) =>
    chain.map((message) => ({ receivedAtMs, lease: leases.hold(message, monoMs) })),
  );
  state.received += messages?.length ?? 0;
  ports.slots.release(taken - chains.length);
  return messages === null ? null : chains;
}

async function tryReceive(
  ports: IntakePorts,
  options: IntakeSettings & { max: number },
): Promise<readonly Message[] | null> {
  try {
    return await ports.queue.receive(options);
  } catch (error) {
    ports.observe({
      event: "intake.receive_failed",
      level: "error",
      message: `could not receive: ${describeError(error)}`,
    });
    return null;
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
      broken ||= stopping.quiet.aborted;
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

async function isOpen(ports: IntakePorts, stopping: Stopping, state: IntakeState): Promise<boolean> {
  const why = ports.closed();
  if (why !== state.closedBecause) {
    const message = why === null ? "receiving" : `not receiving: ${why}`;
    ports.observe({
      event: why === null ? "intake.open" : "intake.closed",
      level: why === null ? "info" : "error",
      message,
    });
    state.closedBecause = why;
  }
  if (why === null) return true;
  await ports.clock.sleep(CLOSED_POLL_MS, stopping.quiet);
  return false;
}

function errorBackoffMs(failures: number, chance: number): number {
  const ceiling = Math.min(ERROR_BACKOFF_CAP_MS, ERROR_BACKOFF_MS * 2 ** (failures - 1));
  return ceiling / 2 + (ceiling / 2) * chance;
}
