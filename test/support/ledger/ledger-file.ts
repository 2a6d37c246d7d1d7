// SQLite ledgers for tests: a directory of its own per test, and whatever was opened in it closed
// at the test's end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Ledger } from "../../../core/ledger/port.ts";
import { openSqliteLedger, type SqliteLedgerOptions } from "../../../core/ledger/sqlite/sqlite.ts";
import { ManualClock } from "../clocks/manual-clock.ts";

export interface LedgerFile {
  readonly directory: string;
  readonly path: string;
  readonly clock: ManualClock;
  /** As often as wanted: each is a connection of its own. */
  readonly open: (changes?: Partial<SqliteLedgerOptions>) => Promise<Ledger>;
}

export async function ledgerFile(t: TestContext): Promise<LedgerFile> {
  const directory = await mkdtemp(join(tmpdir(), "taskiq-ledger-"));
  const path = join(directory, "ledger.db");
  const clock = new ManualClock();
  const opened: Ledger[] = [];
  t.after(async () => {
    await Promise.all(opened.map((ledger) => ledger.close()));
    await rm(directory, { recursive: true });
  });
  const open: LedgerFile["open"] = async (changes = {}) => {
    const ledger = await openSqliteLedger({ path, clock, writeBoundMs: 5_000, ...changes });
    opened.push(ledger);
    return ledger;
  };
  return { directory, path, clock, open };
}
