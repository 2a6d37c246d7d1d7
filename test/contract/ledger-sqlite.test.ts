// The ledger contract on SQLite, in a file of its own per test.
import { ledgerFile } from "../support/ledger/ledger-file.ts";
import { ledgerContract } from "./ledger.ts";
import { writeBoundMs } from "./ledger-setup.ts";

ledgerContract("sqlite", async (t) => {
  const { clock, open } = await ledgerFile(t);
  const second = () => open({ writeBoundMs });
  return { ledger: await second(), second, nowMs: clock.wallMs, advance: (ms) => clock.advance(ms) };
});
