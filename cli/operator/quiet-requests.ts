// The requests of `taskiq quiet` in the ledger: how a command opens them, and what it calls their
// targets.
import { existsSync } from "node:fs";
import { Fault } from "../../core/faults.ts";
import type { QuietRecords, QuietTarget } from "../../core/ledger/quiet-records.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";
import type { Env } from "../options/resolve.ts";
import { openLedger } from "../wiring/ledger.ts";

/** How soon a ledger must answer an operator; see `openLedger`. */
const LEASE_MS = 60_000;

/** Closes the ledger afterwards. Rejects with a `Fault`. */
export async function withRequests<T>(
  choice: LedgerChoice,
  env: Env,
  work: (records: QuietRecords) => Promise<T>,
): Promise<T> {
  // Opening a file makes it, and no worker would read it.
  if (choice.kind === "sqlite" && !existsSync(choice.path)) {
    throw new Fault("TQ_CONFIG", `there is no ledger at ${choice.path}`, {
      hint: "Name the ledger that the workers use: --ledger-url or --dagster-home.",
    });
  }
  const ledger = await openLedger(choice, "operator", LEASE_MS, env);
  try {
    return await work(ledger.quiet);
  } finally {
    await ledger.close();
  }
}

/** `worker w-1`, `the queue steps.fifo`, `worker w-1 for the queue steps.fifo`, `every worker`. */
export function targetText({ worker, queue }: QuietTarget): string {
  const who = worker === null ? "every worker" : `worker ${worker}`;
  return queue === null ? who : `${who} for the queue ${queue}`;
}
