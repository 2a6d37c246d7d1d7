// Names the ledgers there are, and opens the one that was chosen. Each is loaded only when it is.
import { systemClock } from "../../core/clock.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import type { LedgerSchema } from "../../core/ledger/schema.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";

/**
 * How long after its lease's end a permitted step's write may still be on its way into Dagster's
 * storage.
 */
const WRITE_BOUND_MS = 5_000;
const ANSWER_CAP_MS = 5_000;

const TIME = { clock: systemClock, chance: Math.random };

/** Brings its schema up to date. Rejects with a `Fault`. */
export async function openLedger(choice: LedgerChoice, worker: string, leaseMs: number): Promise<Ledger> {
  const writeBoundMs = WRITE_BOUND_MS;
  if (choice.kind === "sqlite") {
    const { openSqliteLedger } = await import("../../core/ledger/sqlite/sqlite.ts");
    return openSqliteLedger({ path: choice.path, clock: systemClock, writeBoundMs });
  }
  const { openPostgresLedger } = await import("../../core/ledger/postgres/postgres.ts");
  // A renewal is tried several times within the lease: each must know early enough that it failed.
  const answerMs = Math.min(ANSWER_CAP_MS, leaseMs / 8);
  const applicationName = `taskiq ${worker}`;
  return openPostgresLedger({ target: choice, writeBoundMs, answerMs, applicationName, ...TIME });
}

export async function openLedgerSchema(choice: LedgerChoice): Promise<LedgerSchema> {
  if (choice.kind === "sqlite") {
    const { sqliteSchema } = await import("../../core/ledger/sqlite/upgrade.ts");
    return sqliteSchema(choice.path, systemClock);
  }
  const { openPostgresSchema } = await import("../../core/ledger/postgres/postgres.ts");
  const applicationName = "taskiq migrate";
  return openPostgresSchema({ target: choice, answerMs: ANSWER_CAP_MS, applicationName, ...TIME });
}
