// One pass of the sweep through the dead letter queue: ends what SQS itself moved there, and gives back the rest as it was found. A pass is
// followed by a rest as long as it was large (`core/sweep/sweep.ts`), since each look raises receive counts.
import type { Clock } from "../clock.ts";
import { lookThrough, type ReceivedAt } from "../dead-letters/look.ts";
import type { Received } from "../delivery/delivery.ts";
import type { Disposition, Swept } from "../delivery/states.ts";
import { decode } from "../envelope.ts";
import { Seat, Slots } from "../intake/slots.ts";
import type { LeaseKeeper } from "../lease/lease.ts";
import type { DeadLetterQueue, Message } from "../queue/port.ts";

export type ProcessLetter = (received: Received, letters: DeadLetterQueue, lies: Swept) => Promise<Disposition>;

export interface PassPorts {
  readonly letters: DeadLetterQueue;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly clock: Clock;
  /** Takes one dead letter to its end. */
  readonly process: ProcessLetter;
  /** Letters out of whose way a copy was put: one for each, even where the original cannot be deleted. */
  readonly setAside: Set<string>;
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
      see: async (message, at, hides) => {
        const lies = hides && !ports.setAside.has(message.id) ? "in_the_way" : "aside";
        if (!isToBeEnded(message, letters, lies)) return "give_back";
        const disposition = await end(message, at, lies, ports);
        if (disposition === "buried" && lies === "in_the_way") ports.setAside.add(message.id);
        // Held, or dead already: it may be so for long, and must not stand in the way of those behind it.
        if (disposition !== "released") ended += 1;
        return "keep";
      },
    },
    quiet,
  );
  return { looked, ended };
}

/**
 * Only what names a step, if nothing else in it can be read: any other version or body is left to others, and to people. A body that nobody
 * can read is put aside, if it surely came from our queue, where it keeps others from being seen.
 */
function isToBeEnded(message: Message, letters: DeadLetterQueue, lies: Swept): boolean {
  if (!letters.isMoved(message)) return false;
  const decoded = decode(message.body);
  if (decoded.kind !== "malformed") return decoded.kind === "step";
  return decoded.step !== null || (lies === "in_the_way" && message.movedFrom !== undefined);
}

/** Takes one dead letter that was received to its end, in a seat of its own. */
export async function end(
  message: Message,
  at: ReceivedAt,
  lies: Swept,
  { leases, letters, process }: Pick<PassPorts, "leases" | "letters" | "process">,
): Promise<Disposition> {
  const lease = leases.hold(message, at.monoMs);
  const slots = new Slots(1);
  slots.takeFree(1); // beside the worker's own: a report is short, and one at a time
  try {
    return await process({ lease, receivedAtMs: at.wallMs, seat: new Seat(slots) }, letters, lies);
  } finally {
    await lease.end();
  }
}
