// Repeats the receives that stopping workers cut, once SQS serves those no longer. What SQS handed
// to them would otherwise stay hidden for its visibility timeout, and its group would wait.
import { jittered } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { counted } from "../formats/counted.ts";
import type { CutReceive, CutReceives } from "../ledger/cut-receives.ts";
import type { Outages } from "../outages.ts";
import type { Intake } from "./intake.ts";
import type { Lane } from "./lane.ts";

export interface RepeatPorts {
  readonly lanes: readonly Lane[];
  /** A call that fails here closes no intake: deliveries notice an outage themselves. */
  readonly cutReceives: Pick<CutReceives, "take" | "forget">;
  readonly intake: Pick<Intake, "repeat">;
  readonly clock: Pick<Clock, "sleep">;
  readonly outages: Outages;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** A worker that dies within this time leaves its turn to another one. */
const TAKEN_MS = 60_000;
/** How the log names it. */
const CALL = "repeating cut receives";

/** Looks in the ledger at once, and then every `intervalMs` on average, until `stopped` aborts. */
export async function repeatCutReceives(ports: RepeatPorts, intervalMs: number, stopped: AbortSignal): Promise<void> {
  const { clock, chance, outages } = ports;
  const lanes = ports.lanes.filter(({ queue }) => queue.fifo);
  while (lanes.length > 0 && !stopped.aborted) {
    try {
      await takeAndRepeat({ ...ports, lanes }, stopped);
      outages.worked(CALL);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const message = `could not repeat receives that stopping workers cut; what SQS handed to them stays hidden for its visibility timeout: ${describeError(error)}`;
      outages.failed(CALL, error, { event: "intake.cut_receives_failed", level: "warn", message });
    }
    await clock.sleep(jittered(intervalMs, "around", chance()), stopped);
  }
}

async function takeAndRepeat({ lanes, cutReceives, intake }: RepeatPorts, stopped: AbortSignal): Promise<void> {
  const urls = await Promise.all(lanes.map(async ({ queue }) => (await queue.describe()).url));
  const taken = await cutReceives.take(urls, TAKEN_MS);
  const repeats = taken.map(async (receive: CutReceive) => {
    const lane = lanes[urls.indexOf(receive.queueUrl)];
    if (lane === undefined || stopped.aborted) return;
    const received = await intake.repeat(lane, receive);
    const message = `repeated a receive that a stopping worker had cut, and received ${counted(received, "message")}`;
    const level = received === 0 ? "debug" : "info";
    lane.observe({ event: "intake.receive_repeated", level, message, received });
    await cutReceives.forget([receive.attemptId]);
  });
  // One that fails costs the others nothing, and is taken again later.
  const ends = await Promise.allSettled(repeats);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
