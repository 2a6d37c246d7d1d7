// The ledger contract on SQLite, in a file of its own per test.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ledger } from "../../core/ledger/port.ts";
import { openSqliteLedger } from "../../core/ledger/sqlite.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ledgerContract } from "./ledger.ts";
import { writeBoundMs } from "./ledger-setup.ts";

ledgerContract("sqlite", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "taskiq-ledger-"));
  const clock = new ManualClock();
  const opened: Ledger[] = [];
  t.after(async () => {
    await Promise.all(opened.map((ledger) => ledger.close()));
    await rm(directory, { recursive: true });
  });
  const second = async () => {
    const ledger = await openSqliteLedger({ path: join(directory, "ledger.db"), clock, writeBoundMs });
    opened.push(ledger);
    return ledger;
  };
  return { ledger: await second(), second, nowMs: clock.wallMs, advance: (ms) => clock.advance(ms) };
});
