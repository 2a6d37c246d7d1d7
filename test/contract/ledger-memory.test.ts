// The ledger contract on the ledger in memory.
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { ledgerContract } from "./ledger.ts";
import { writeBoundMs } from "./ledger-setup.ts";

ledgerContract("memory", async () => {
  const clock = new ManualClock();
  const ledger = new MemoryLedger({ clock, writeBoundMs });
  return { ledger, second: async () => ledger, nowMs: clock.wallMs, advance: (ms) => clock.advance(ms) };
});
