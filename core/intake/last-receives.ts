// How the receives under way end when the worker stops. Those of a FIFO queue are cut. SQS goes on
// serving them, so the ledger has them for another worker to repeat. A receive of a standard queue
// cannot be repeated, so it ends by itself.
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { inSeconds } from "../formats/durations.ts";
import type { CutReceives } from "../ledger/cut-receives.ts";
import type { Lane } from "./lane.ts";

export interface LastReceivePorts {
  readonly lanes: readonly Lane[];
  readonly cutReceives: Pick<CutReceives, "leave">;
  readonly clock: Clock;
  /** Aborts when a stop cannot wait any longer. `cutNow` is called then. */
  readonly kill: AbortSignal;
  /**
   * Resolves when no delivery is left, and SQS has handed out what they gave back: it may hide what
   * it hands to a cut receive.
   */
  readonly alone: () => Promise<void>;
  /** Aborts when every receive has ended. */
  readonly over: AbortSignal;
}

/** How long the ledger may take before the log says what the worker waits for. */
const LEAVE_MS = 500;
/** How long the ledger may take when the stop cannot wait any longer. */
const LEAVE_IN_A_HURRY_MS = 250;
/** A shorter wait for the last receive is not worth a log line. */
const WORTH_SAYING_MS = 1_000;

const STANDARD = "SQS would hide the messages that it hands to an aborted receive of a standard queue";
const UNLEFT = "the ledger, through which another worker would repeat it if it were aborted,";

/** Rejects only for a bug. */
export async function endReceives(ports: LastReceivePorts): Promise<void> {
  const { clock, alone, over } = ports;
  const fifo = ports.lanes.filter(({ queue }) => queue.fifo);
  for (const lane of ports.lanes) if (!lane.queue.fifo) logWait(lane, ports, STANDARD);
  await alone();
  const leaving = leave(fifo, ports);
  const why = await Promise.race([leaving, clock.sleep(LEAVE_MS, over).then(() => "does not answer")]);
  if (why !== null) for (const lane of fifo) logWait(lane, ports, `${UNLEFT} ${why}`);
  if ((await leaving) === null) for (const lane of fifo) lane.cutPolls();
}

/** Cuts all of them, also those that the ledger does not get in time. Rejects only for a bug. */
export async function cutNow(ports: LastReceivePorts): Promise<void> {
  const { lanes, clock, alone, over } = ports;
  await alone();
  await Promise.race([leave(lanes, ports), clock.sleep(LEAVE_IN_A_HURRY_MS, over)]);
  for (const lane of lanes) lane.cutPolls();
}

/** Returns `null` if another worker can repeat the receives under way, or why none can. */
async function leave(lanes: readonly Lane[], { cutReceives }: LastReceivePorts): Promise<string | null> {
  try {
    const receives = (await Promise.all(lanes.map((lane) => lane.cuttable()))).flat();
    if (receives.length > 0) await cutReceives.leave(receives);
    return null;
  } catch (error) {
    if (error instanceof Fault) return `refuses: ${describeError(error)}`;
    throw error;
  }
}

function logWait({ pollsLeftMs: waitMs, observe }: Lane, { kill }: LastReceivePorts, why: string): void {
  if (waitMs < WORTH_SAYING_MS || kill.aborted) return;
  const message = `waiting up to ${inSeconds(waitMs)} for the last receive, because ${why}; a second signal ends the wait`;
  observe({ event: "intake.last_receive", level: "info", message, waitMs });
}
