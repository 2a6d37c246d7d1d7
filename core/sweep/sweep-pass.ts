// One pass of the sweep through the dead letter queue: ends what SQS itself moved there, and gives back the rest as it was found. A pass is
// followed by a rest as long as it was large (`core/sweep/sweep.ts`), since each look raises receive counts.
import type { Clock } from "../clock.ts";
import { lookThrough, type ReceivedAt } from "../dead-letters/look.ts";
import type { Received } from "../delivery/delivery.ts";
import type { Disposition } from "../delivery/states.ts";
import { decode } from "../envelope.ts";
import { Seat, Slots } from "../intake/slots.ts";
import type { LeaseKeeper } from "../lease/lease.ts";
import type { DeadLetterQueue, Message } from "../queue/port.ts";

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

/** Longer than a pass, or it would meet the first ones again. */
const LOOK_MS = 120_000;
const PASS_MS = 60_000;
/** At most some 200 dead letters a second, of a queue whose other readers are people. */
const PAGE_REST_MS = 50;

export async function sweepOnce(ports: PassPorts, quiet: AbortSignal): Promise<Pass> {
  const { letters, clock } = ports;
  const untilMs = clock.monoMs() + PASS_MS;
  let ended = 0;
  const looked = await lookThrough(
    ports,
    {
      hideMs: LOOK_MS,
      restMs: PAGE_REST_MS,
      goOn: async () => clock.monoMs() < untilMs && (await ports.goOn()),
      see: async (message, at) => {
        if (!isToBeEnded(message, letters)) return "give_back";
        // Held, or dead already: it may be so for long, and must not stand in the way of those behind it.
        if ((await end(message, at, ports)) !== "released") ended += 1;
        return "keep";
      },
    },
    quiet,
  );
  return { looked, ended };
}

/** Only what names a step, if nothing else in it can be read: any other version or body is left to others, and to people. */
function isToBeEnded(message: Message, letters: DeadLetterQueue): boolean {
  if (!letters.isMoved(message)) return false;
  const decoded = decode(message.body);
  return decoded.kind === "step" || (decoded.kind === "malformed" && decoded.step !== null);
}

/** Takes one dead letter that was received to its end, in a seat of its own. */
export async function end(
  message: Message,
  at: ReceivedAt,
  { leases, letters, process }: Pick<PassPorts, "leases" | "letters" | "process">,
): Promise<Disposition> {
  const lease = leases.hold(message, at.monoMs);
  const slots = new Slots(1);
  slots.takeFree(1); // beside the worker's own: a report is short, and one at a time
  try {
    return await process({ lease, receivedAtMs: at.wallMs, seat: new Seat(slots) }, letters);
  } finally {
    await lease.end();
  }
}
