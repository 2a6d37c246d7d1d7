// The ledger contract on PostgreSQL, in a database of its own per test.
import { ledgerDatabases, standStill } from "../support/ledger/ledger-database.ts";
import { ledgerContract } from "./ledger.ts";
import { writeBoundMs } from "./ledger-setup.ts";

const databases = await ledgerDatabases();

ledgerContract("postgres", async (t) => {
  const database = await databases.make(t);
  const clock = await standStill(database);
  const second = () => database.open({ writeBoundMs });
  return { ledger: await second(), second, ...clock };
});
