// Waits for what becomes of replayed steps, as their rows in the ledger report.
import { doubled } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import type { Ledger, LedgerRow } from "../../ledger/port.ts";

/**
 * `buried` means a dead letter again. `failed` is any other end but success, with attempts that
 * Dagster retries.
 */
export type ReplayOutcome = "succeeded" | "failed" | "buried";

export interface OutcomePorts {
  readonly ledger: Pick<Ledger, "find">;
  readonly clock: Clock;
  /** Done between two looks, to hold what must not be let go of meanwhile. */
  readonly keep: () => Promise<void>;
}

/**
 * Between two looks: the ends of short steps are seen at once, and the ledger is not asked all the
 * time for long ones.
 */
const pause = { baseMs: 250, capMs: 5_000 };
/** Rows that are asked for side by side. */
const TOGETHER = 20;

/**
 * Waits until all outcomes are known, `timeoutMs` have passed or `quiet` aborts. Returns those that
 * are known by then. Calls `report` with their number.
 */
export async function waitForOutcomes(
  keys: readonly string[],
  { ledger, clock, keep }: OutcomePorts,
  timeoutMs: number,
  quiet: AbortSignal,
  report: (known: ReadonlyMap<string, ReplayOutcome>) => void,
): Promise<ReadonlyMap<string, ReplayOutcome>> {
  const known = new Map<string, ReplayOutcome>();
  const untilMs = clock.monoMs() + timeoutMs;
  for (let looks = 0; ; looks += 1) {
    const open = keys.filter((key) => !known.has(key));
    for (let i = 0; i < open.length; i += TOGETHER) {
      const rows = await Promise.all(open.slice(i, i + TOGETHER).map((key) => ledger.find(key)));
      for (const row of rows) {
        const outcome = outcomeOf(row);
        if (row !== null && outcome !== null) known.set(row.key, outcome);
      }
    }
    report(known);
    const leftMs = untilMs - clock.monoMs();
    if (known.size === keys.length || leftMs <= 0 || quiet.aborted) return known;
    await keep();
    await clock.sleep(Math.min(doubled(pause, looks), leftMs), quiet);
  }
}

/** `null` while it is open, or not claimed yet. */
function outcomeOf(row: LedgerRow | null): ReplayOutcome | null {
  if (row === null || row.outcome === null) return null;
  if (row.state === "dead") return "buried";
  return row.outcome.state === "success" ? "succeeded" : "failed";
}
