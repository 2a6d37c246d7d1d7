// Pruning deletes rows of the ledger that no message can ask for any more, a few at a time, by one
// worker at a time.
import { jittered } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { counted } from "../formats/counted.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import type { Queue } from "../queue/port.ts";

export interface PruningPorts {
  readonly ledger: Pick<Ledger, "lock" | "prune">;
  readonly queues: readonly Pick<Queue, "describe">[];
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

export interface PruningSettings {
  readonly intervalMs: number;
  readonly worker: string;
}

const DAY_MS = 86_400_000;
/** SetQueueAttributes, MessageRetentionPeriod. */
const LONGEST_RETENTION_MS = 14 * DAY_MS;
/**
 * A row is kept for as long as the queue keeps a message, then for as long as any dead letter queue
 * may. A day is added for clocks and for operators who look a little later. A pending row is kept
 * as long, counted from its last receive. By then the message that was received is gone, and so are
 * the starts that it spent. Refused messages leave such rows behind, and so does a message that
 * expires before it is run.
 */
const MARGIN_MS = LONGEST_RETENTION_MS + DAY_MS;
/** Few enough for a statement of milliseconds. */
const BATCH = 500;
/** Rest between two batches, so that claims never wait for a deletion. */
const REST_MS = 250;
const LOCK = "prune";
const LOCK_MS = 60_000;

/** Prunes until `quiet` aborts. */
export async function runPruning(ports: PruningPorts, settings: PruningSettings, quiet: AbortSignal): Promise<void> {
  const { clock, chance } = ports;
  // Workers that were started together should not all ask for the lock together.
  await clock.sleep(jittered(settings.intervalMs, "full", chance()), quiet);
  while (!quiet.aborted) {
    await turn(ports, settings, quiet);
    await clock.sleep(settings.intervalMs, quiet);
  }
}

async function turn(ports: PruningPorts, settings: PruningSettings, quiet: AbortSignal): Promise<void> {
  const { observe } = ports;
  try {
    const pruned = await prune(ports, settings, quiet);
    if (pruned === 0) return;
    const message = `pruned ${counted(pruned, "row")} of the ledger that no message can ask for any more`;
    observe({ event: "ledger.pruned", level: "info", message, pruned });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const message = `could not prune the ledger: ${describeError(error)}`;
    observe({ event: "ledger.prune_failed", level: "warn", message });
  }
}

async function prune({ ledger, queues, clock }: PruningPorts, { worker }: PruningSettings, quiet: AbortSignal) {
  if (!(await ledger.lock(LOCK, worker, LOCK_MS))) return 0;
  const described = await Promise.all(queues.map((queue) => queue.describe()));
  const retentionMs = Math.max(...described.map((facts) => facts.retentionMs ?? LONGEST_RETENTION_MS));
  const beforeMs = clock.wallMs() - retentionMs - MARGIN_MS;
  let pruned = 0;
  while (!quiet.aborted && (await ledger.lock(LOCK, worker, LOCK_MS))) {
    const deleted = await ledger.prune(beforeMs, BATCH);
    pruned += deleted;
    if (deleted < BATCH) break;
    await clock.sleep(REST_MS, quiet);
  }
  await ledger.lock(LOCK, worker, 0);
  return pruned;
}
