// One look through the dead letter queue. Each look hides a message for a while and raises its receive count, so what is not to be ended is
// given back as it was found, and a pass is followed by a rest as long as it was large (`core/sweep.ts`).
import type { Clock } from "./clock.ts";
import type { Received } from "./delivery.ts";
import { decode } from "./envelope.ts";
import type { LeaseKeeper } from "./lease.ts";
import type { DeadLetterQueue, Message } from "./queue/port.ts";
import { Seat, Slots } from "./slots.ts";
import type { Disposition } from "./states.ts";

export interface PassPorts {
  readonly letters: DeadLetterQueue;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly clock: Clock;
  /** Takes one dead letter to its end. */
  readonly process: (received: Received, letters: DeadLetterQueue) => Promise<Disposition>;
  /** False when the sweep is another worker's by now. */
  readonly goOn: () => Promise<boolean>;
}

export interface Pass {
  readonly looked: number;
  readonly ended: number;
}

/** Ten are all that SQS hands out in one receive. A second of long polling, or a standard queue may answer with nothing at all. */
const page = { max: 10, waitMs: 1_000 };
/** Longer than a pass, or it would meet the first ones again. */
const LOOK_MS = 120_000;
const PASS_MS = 60_000;
/** At most some 200 dead letters a second, of a queue whose other readers are people. */
const PAGE_REST_MS = 50;
/** Something that all of them need is down, or they are all held: the next pass tries again. */
const RELEASED_MAX = 10;

interface Tally {
  readonly seen: Set<string>;
  /** Receipts of what is to be given back as it was found. */
  readonly found: string[];
  ended: number;
  /** How many in a row could not be ended. */
  released: number;
}

export async function sweepOnce(ports: PassPorts, quiet: AbortSignal): Promise<Pass> {
  const { letters, clock } = ports;
  const untilMs = clock.monoMs() + PASS_MS;
  const tally: Tally = { seen: new Set(), found: [], ended: 0, released: 0 };
  const goesOn = () => !quiet.aborted && clock.monoMs() < untilMs && tally.released < RELEASED_MAX;
  try {
    while (goesOn() && (await ports.goOn())) {
      const looked = tally.seen.size;
      await sweepPage(ports, tally);
      if (tally.seen.size === looked) break;
      await clock.sleep(PAGE_REST_MS, quiet);
    }
  } finally {
    await giveBack(tally.found, letters);
  }
  return { looked: tally.seen.size, ended: tally.ended };
}

async function sweepPage(ports: PassPorts, tally: Tally): Promise<void> {
  const { letters, clock } = ports;
  const messages = await letters.receive({ ...page, visibilityMs: LOOK_MS });
  const [receivedAtMs, monoMs] = [clock.wallMs(), clock.monoMs()];
  for (const message of messages) {
    const known = tally.seen.has(message.id);
    tally.seen.add(message.id);
    if (known || !isToBeEnded(message, letters)) {
      tally.found.push(message.receipt);
    } else if ((await end(message, receivedAtMs, monoMs, ports)) === "released") {
      tally.released += 1;
    } else {
      tally.ended += 1;
      tally.released = 0;
    }
  }
}

/** Only what names a step, if nothing else in it can be read: any other version or body is left to others, and to people. */
function isToBeEnded(message: Message, letters: DeadLetterQueue): boolean {
  if (!letters.isMoved(message)) return false;
  const decoded = decode(message.body);
  return decoded.kind === "step" || (decoded.kind === "malformed" && decoded.step !== null);
}

async function end(
  message: Message,
  receivedAtMs: number,
  monoMs: number,
  { leases, letters, process }: PassPorts,
): Promise<Disposition> {
  const lease = leases.hold(message, monoMs);
  const slots = new Slots(1);
  slots.takeFree(1); // beside the worker's own: a report is short, and one at a time
  try {
    return await process({ lease, receivedAtMs, seat: new Seat(slots) }, letters);
  } finally {
    await lease.end();
  }
}

/** Few at a time: a pass may have found thousands. What cannot be given back shows itself when its visibility ends. */
async function giveBack(receipts: readonly string[], letters: DeadLetterQueue): Promise<void> {
  for (let from = 0; from < receipts.length; from += 50) {
    const some = receipts.slice(from, from + 50);
    await letters.extend(some.map((receipt) => ({ receipt, visibilityMs: 0 })));
  }
}
