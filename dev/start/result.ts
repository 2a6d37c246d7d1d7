// How a run came out: what Dagster, the ledger and the queue say when it is over.
import { eventually } from "../../test/support/eventually.ts";
import { attemptsOf } from "./attempts.ts";
import { DemoFailed } from "./demo-failed.ts";
import { readLedger } from "./ledger-file.ts";
import type { LoggedProgram } from "./program.ts";
import type { DemoQueue } from "./queue.ts";
import { attemptTable, ledgerSummary } from "./report.ts";
import type { StepEvent } from "./run.ts";
import { report, say, strong } from "./screen.ts";

export interface Deployed {
  readonly home: string;
  readonly queue: DemoQueue;
}

export interface FinishedRun {
  readonly runId: string;
  /** Dagster's word for it. */
  readonly status: string;
  readonly events: readonly StepEvent[];
}

/** Acks follow the last event of a run at once; this is for a machine with much else to do. */
const settleWithinMs = 15_000;

/**
 * Rejects with a `DemoFailed`, after all is shown, when the run did not succeed or something was
 * left behind.
 */
export async function showResult(
  { home, queue }: Deployed,
  { runId, status, events }: FinishedRun,
  worker: LoggedProgram,
): Promise<void> {
  const settled = await settle({ home, queue }, runId);
  const rows = readLedger(home, runId);
  const left = await queue.count(queue.name);
  const dead = await queue.count(queue.deadLetterName);
  say(`\n${attemptTable(attemptsOf(events, rows))}\n`);
  report("Run", strong(status === "SUCCESS" ? "green" : "red", status));
  report("Ledger", ledgerSummary(rows));
  report("Queue", `${left} left, ${dead} dead`);
  if (status !== "SUCCESS")
    throw new DemoFailed(`expected the run to end as SUCCESS, got ${status}`, { detail: worker.tail() });
  if (!settled) throw new DemoFailed("expected every message to be settled and gone", { detail: worker.tail() });
}

/**
 * Whether the queue is empty and the ledger final; a step's row and its message follow its last
 * event.
 */
async function settle({ home, queue }: Deployed, runId: string): Promise<boolean> {
  const isSettled = async () => {
    return (
      (await queue.count(queue.name)) === 0 && readLedger(home, runId).every(({ settledAtMs }) => settledAtMs !== null)
    );
  };
  const settled = eventually("the queue is empty and the ledger settled", isSettled, settleWithinMs);
  return settled.catch(() => false);
}
