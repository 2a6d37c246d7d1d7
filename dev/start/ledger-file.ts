// Reads the demo's ledger, beside the worker that writes it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { LedgerRow } from "../../core/ledger/port.ts";
import { readRow } from "../../core/ledger/rows.ts";

/** Where a worker keeps its ledger when nothing else is said. */
export function ledgerPath(home: string): string {
  return join(home, "taskiq.sqlite");
}

export function readLedger(home: string, runId: string): LedgerRow[] {
  const path = ledgerPath(home);
  if (!existsSync(path)) return [];
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = db.prepare("SELECT * FROM taskiq_idempotency_records WHERE run_id = ? ORDER BY received_at");
    return rows.all(runId).map(readRow);
  } finally {
    db.close();
  }
}
