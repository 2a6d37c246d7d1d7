// The tables of the SQLite ledger, as numbered migrations, and the one transaction that brings a file up to date.
import type { DatabaseSync } from "node:sqlite";
import { Fault } from "../faults.ts";
import type { Migration } from "./schema.ts";
import { inTransaction } from "./sqlite-transaction.ts";

/**
 * A published migration is never edited. Times are Unix milliseconds. `lease_expires_at` of a pending
 * row is the instant before which it must not be claimed (null: none).
 */
const records = `CREATE TABLE taskiq_idempotency_records (
    idempotency_key  TEXT    NOT NULL PRIMARY KEY,
    run_id           TEXT    NOT NULL,
    step_key         TEXT    NOT NULL,
    attempt          INTEGER NOT NULL CHECK (attempt >= 0),
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'permitted', 'completed', 'failed', 'dead')),
    fence            INTEGER NOT NULL CHECK (fence >= 1),
    owner            TEXT    NOT NULL,
    lease_expires_at INTEGER,
    starts           INTEGER NOT NULL CHECK (starts >= 0),
    outcome          TEXT    CHECK (outcome IS NULL OR json_valid(outcome)),
    payload_digest   TEXT    NOT NULL,
    message_id       TEXT    NOT NULL,
    received_at      INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    settled_at       INTEGER,
    CHECK (state NOT IN ('running', 'permitted') OR lease_expires_at IS NOT NULL),
    CHECK ((state IN ('completed', 'failed', 'dead')) = (outcome IS NOT NULL)),
    CHECK ((state IN ('completed', 'failed', 'dead')) = (settled_at IS NOT NULL))
  ) STRICT;
  CREATE INDEX taskiq_idempotency_records_by_run ON taskiq_idempotency_records (run_id, idempotency_key);
  CREATE INDEX taskiq_idempotency_records_by_state ON taskiq_idempotency_records (state, idempotency_key);
  CREATE INDEX taskiq_idempotency_records_settled ON taskiq_idempotency_records (settled_at) WHERE settled_at IS NOT NULL;`;

const locks = `CREATE TABLE taskiq_ledger_locks (
    name       TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;`;

export const migrations: readonly Migration[] = [
  { version: 1, name: "records", sql: records },
  { version: 2, name: "locks", sql: locks },
];

/** Creates or migrates the tables; the write lock makes several workers that open the file at once take turns. */
export function migrate(db: DatabaseSync, path: string, nowMs: number): void {
  inTransaction(db, () => {
    db.exec(
      "CREATE TABLE IF NOT EXISTS taskiq_ledger_schema (version INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT",
    );
    const record = db.prepare("INSERT INTO taskiq_ledger_schema (version, applied_at) VALUES (?, ?)");
    for (const { version, sql } of pendingIn(db, path)) {
      db.exec(sql);
      record.run(version, nowMs);
    }
  });
}

/** Only looks. */
export function pendingIn(db: DatabaseSync, path: string): readonly Migration[] {
  const found = foundVersion(db);
  if (found > migrations.length) throw newerSchema(path, found);
  refuseForeignTable(db, path, found);
  return migrations.slice(found);
}

function foundVersion(db: DatabaseSync): number {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'taskiq_ledger_schema'").get();
  if (table === undefined) return 0;
  return Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM taskiq_ledger_schema").get()?.["version"]);
}

function newerSchema(path: string, found: number): Fault {
  return new Fault(
    "TQ_LEDGER_SCHEMA",
    `ledger ${path}: schema ${found} is newer than ${migrations.length}, the newest this version knows`,
    {
      hint: "Run the version of taskiq that migrated it, or a later one.",
    },
  );
}

/** A table of our name in a file that records no version was not made by us: altering or dropping it is nobody's wish. */
function refuseForeignTable(db: DatabaseSync, path: string, found: number): void {
  if (found > 0) return;
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'taskiq_idempotency_records'").get();
  if (table === undefined) return;
  throw new Fault(
    "TQ_LEDGER_SCHEMA",
    `ledger ${path}: table taskiq_idempotency_records exists, but no schema version is recorded`,
    {
      hint: "Name another file, or drop that table if nothing else uses it.",
    },
  );
}
