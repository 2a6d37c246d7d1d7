// One pass of the sweep through the dead letter queue. It ends the letters that SQS itself moved
// there, and gives back the rest as it found them. After a pass, `core/dead-letters/sweep/sweep.ts`
// rests in proportion to the letters seen, because each look raises receive counts.

import type { Quiet } from "../../admission/quiet.ts";
import { Seat, Slots } from "../../admission/slots.ts";
import type { Clock } from "../../clock.ts";
import { lostByBug, type Received } from "../../delivery/delivery.ts";
import { askForOne } from "../../delivery/effects/ports.ts";
import type { Executor } from "../../delivery/executor.ts";
import type { Swept } from "../../delivery/states.ts";
import type { LeaseKeeper } from "../../lease/lease-keeper.ts";
import { fieldsOfBody } from "../../lease/message-fields.ts";
import type { RepeatedObservation } from "../../observe.ts";
import type { Outages } from "../../outages.ts";
import { type DeadLetterQueue, MESSAGES_A_REQUEST, type Message } from "../../queue/port.ts";
import { decode } from "../../step/envelope.ts";
import { lookThrough, type ReceivedAt } from "../look.ts";

export interface PassPorts {
  readonly letters: DeadLetterQueue;
  readonly leases: Pick<LeaseKeeper, "hold">;
  readonly clock: Clock;
  /** Ends dead letters. Its queue is the dead letter queue. */
  readonly executor: Pick<Executor, "processDeadLetter">;
  /** Aborts when a letter may start nothing new. */
  readonly quiet: Pick<Quiet, "signal">;
  /** Letters that could not be deleted once their copy was made. A later pass tries that again. */
  readonly copied: Set<string>;
  readonly outages: Outages;
  /** Resolves with false if another worker has the sweep by now. */
  readonly goOn: () => Promise<boolean>;
}

export interface Pass {
  readonly looked: number;
  readonly ended: number;
  /**
   * FIFO groups that hide letters: SQS shows their first ten only, and the sweep may not take those
   * away.
   */
  readonly hiding: readonly string[];
}

/** Longer than a pass, or the pass would meet the first letters again. */
const LOOK_MS = 120_000;
const PASS_MS = 60_000;
/** At most some 200 dead letters a second, of a queue whose other readers are people. */
const PAGE_REST_MS = 50;

export async function sweepOnce(ports: PassPorts, stopped: AbortSignal): Promise<Pass> {
  const { clock } = ports;
  const untilMs = clock.monoMs() + PASS_MS;
  let ended = 0;
  const staying = new Map<string, number>();
  const looked = await lookThrough(
    ports,
    {
      hideMs: LOOK_MS,
      restMs: PAGE_REST_MS,
      goOn: async () => clock.monoMs() < untilMs && (await ports.goOn()),
      see: async (message, at, hides) => {
        const lies = hides ? "in_the_way" : "aside";
        const fate = await sweepOne(message, at, lies, ports);
        if (fate === "ended" || fate === "copied") ended += 1;
        const stays = fate === "stays" || fate === "copied";
        if (stays && hides) count(staying, message.groupId ?? "");
        return stays ? "give_back" : "keep";
      },
    },
    stopped,
  );
  return {
    looked,
    ended,
    hiding: [...staying].flatMap(([group, letters]) => (letters < MESSAGES_A_REQUEST ? [] : [group])),
  };
}

/**
 * Resolves with `copied` for a letter that could not be deleted beside its copy. Resolves with
 * `left` for one that is held or dead already and was given back, and for one that this worker
 * lost.
 */
async function sweepOne(
  message: Message,
  at: ReceivedAt,
  lies: Swept,
  ports: PassPorts,
): Promise<"ended" | "copied" | "left" | "stays"> {
  const { letters, leases, executor, quiet, copied } = ports;
  if (copied.has(message.id)) return (await deleteCopied(message, ports)) ? "ended" : "stays";
  if (!isToBeEnded(message, letters, lies)) return "stays";
  const received = takeAlone(message, at, leases);
  const ending = executor.processDeadLetter(received, lies, quiet.signal);
  const disposition = await lostByBug(received, ports.outages.observe, ending);
  if (copied.has(message.id)) return "copied";
  return disposition === "released" || disposition === "lost" ? "left" : "ended";
}

async function deleteCopied(letter: Message, { letters, copied, outages }: PassPorts): Promise<boolean> {
  const failure = (why: string): RepeatedObservation => ({
    event: "delivery.ack_failed",
    level: "warn",
    message: `a dead letter that has its copy could not be deleted (${why}); the sweep tries again at its next look`,
    ...fieldsOfBody(letter),
  });
  const deleted = await askForOne("DeleteMessage", () => letters.ack([letter.receipt]), outages, failure);
  if (deleted) copied.delete(letter.id);
  return deleted;
}

function count(counts: Map<string, number>, of: string): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}

/**
 * Returns whether the sweep ends a letter: it must name a step, even if nothing else in it can be
 * read. The sweep leaves any other version or body to newer workers and to people. It puts an
 * unreadable body aside only if that hides other letters and surely came from our queue.
 */
function isToBeEnded(message: Message, letters: DeadLetterQueue, lies: Swept): boolean {
  if (!letters.isMoved(message)) return false;
  const decoded = decode(message.body);
  if (decoded.kind !== "malformed") return decoded.kind === "step";
  return decoded.step !== null || (lies === "in_the_way" && message.movedFrom !== undefined);
}

/**
 * Prolongs a dead letter from now on. Its slot is beside the worker's own, because a report is
 * short and one letter is ended at a time.
 */
export function takeAlone(message: Message, at: ReceivedAt, leases: Pick<LeaseKeeper, "hold">): Received {
  const slots = new Slots(1);
  slots.takeFree(1);
  return { lease: leases.hold(message, at.monoMs), receivedAtMs: at.wallMs, seat: new Seat(slots) };
}
