// The tables of the SQLite ledger, as numbered migrations, and the one transaction that brings a
// file up to date.
import type { DatabaseSync } from "node:sqlite";
import { Fault } from "../../faults.ts";
import type { Migration } from "../schema.ts";
import { inTransaction } from "./transaction.ts";

/**
 * A published migration is never edited. Times are Unix milliseconds. `lease_expires_at` of a
 * pending row is the instant before which it must not be claimed (null: none).
 */
const RECORDS = `CREATE TABLE taskiq_idempotency_records (
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

const LOCKS = `CREATE TABLE taskiq_ledger_locks (
    name       TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;`;

/**
 * What operators did with dead letters, and which attempts they reopened; and from now on, the
 * oldest schema whose workers a newer one still serves.
 */
const REPLAYS = `CREATE TABLE taskiq_replays (
    letter_id  TEXT    NOT NULL PRIMARY KEY,
    queue_url  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    number     INTEGER NOT NULL CHECK (number >= 1),
    act        TEXT    NOT NULL CHECK (act IN ('replay', 'purge')),
    state      TEXT    NOT NULL CHECK (state IN ('planned', 'sent', 'deleted')),
    sent_id    TEXT,
    who        TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    planned_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX taskiq_replays_by_subject ON taskiq_replays (subject);
  CREATE TABLE taskiq_reopenings (
    id              INTEGER NOT NULL PRIMARY KEY,
    idempotency_key TEXT    NOT NULL,
    fence           INTEGER NOT NULL,
    from_state      TEXT    NOT NULL,
    from_starts     INTEGER NOT NULL,
    who             TEXT    NOT NULL,
    why             TEXT    NOT NULL,
    reopened_at     INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX taskiq_reopenings_by_key ON taskiq_reopenings (idempotency_key, id);
  ALTER TABLE taskiq_ledger_schema ADD COLUMN serves_from INTEGER NOT NULL DEFAULT 1;`;

/** Whether `payload_digest` is of a body whose attempt a process found open. */
const BODIES =
  "ALTER TABLE taskiq_idempotency_records ADD COLUMN body_bound INTEGER NOT NULL DEFAULT 0 CHECK (body_bound IN (0, 1));";

/** For pruning. Renewals change no column of it. */
const PENDING =
  "CREATE INDEX taskiq_idempotency_records_pending ON taskiq_idempotency_records (received_at) WHERE state = 'pending';";

/** Which workers are to take no new steps, and how far quiet workers are. */
const QUIET = `CREATE TABLE taskiq_quiet_requests (
    worker    TEXT    NOT NULL,
    queue     TEXT    NOT NULL,
    who       TEXT    NOT NULL,
    why       TEXT,
    asked_at  INTEGER NOT NULL,
    until_at  INTEGER,
    lifted_by TEXT,
    lifted_at INTEGER,
    PRIMARY KEY (worker, queue),
    CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
  ) STRICT;
  CREATE TABLE taskiq_quiet_workers (
    worker      TEXT    NOT NULL,
    queue       TEXT    NOT NULL,
    busy        INTEGER NOT NULL CHECK (busy >= 0),
    idle        INTEGER NOT NULL CHECK (idle IN (0, 1)),
    reported_at INTEGER NOT NULL,
    PRIMARY KEY (worker, queue)
  ) STRICT;`;

/**
 * The random id under which a FIFO queue takes a dead letter's copy. A row that an earlier version
 * wrote has none until it is planned again.
 */
const DEDUPLICATION = "ALTER TABLE taskiq_replays ADD COLUMN deduplication_id TEXT;";

/**
 * A secret of this ledger, from which the deduplication ids of buried messages are made. It stands
 * in the row of the first schema.
 */
const BURIAL_KEY = `ALTER TABLE taskiq_ledger_schema ADD COLUMN burial_key TEXT;
  UPDATE taskiq_ledger_schema SET burial_key = lower(hex(randomblob(32))) WHERE version = 1;`;

/** The receives that stopping workers cut, until another worker has repeated them. */
const CUT_RECEIVES = `CREATE TABLE taskiq_cut_receives (
    attempt_id  TEXT    NOT NULL PRIMARY KEY,
    queue_url   TEXT    NOT NULL,
    messages    INTEGER NOT NULL CHECK (messages >= 1),
    ends_at     INTEGER NOT NULL,
    taken_until INTEGER
  ) STRICT;`;

export const migrations: readonly Migration[] = [
  { version: 1, name: "records", sql: RECORDS },
  { version: 2, name: "locks", sql: LOCKS },
  { version: 3, name: "replays", sql: REPLAYS },
  { version: 4, name: "bodies", sql: BODIES },
  { version: 5, name: "pending", sql: PENDING },
  { version: 6, name: "quiet", sql: QUIET },
  { version: 7, name: "deduplication", sql: DEDUPLICATION },
  { version: 8, name: "burial_key", sql: BURIAL_KEY },
  { version: 9, name: "cut_receives", sql: CUT_RECEIVES },
];

/**
 * Creates or migrates the tables; the write lock makes several workers that open the file at once
 * take turns.
 */
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
  if (found > migrations.length) refuseUnserved(db, path, found);
  refuseForeignTable(db, path, found);
  return migrations.slice(found);
}

function foundVersion(db: DatabaseSync): number {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'taskiq_ledger_schema'").get();
  if (table === undefined) return 0;
  return Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM taskiq_ledger_schema").get()?.["version"]);
}

/**
 * Migrations only add, so that workers of two versions may share a file; a release that does more
 * says from where on it serves.
 */
function refuseUnserved(db: DatabaseSync, path: string, found: number): void {
  const newest = db.prepare("SELECT serves_from FROM taskiq_ledger_schema ORDER BY version DESC LIMIT 1").get();
  const servesFrom = Number(newest?.["serves_from"]);
  if (servesFrom <= migrations.length) return;
  throw new Fault(
    "TQ_LEDGER_SCHEMA",
    `ledger ${path}: schema ${found} serves workers from schema ${servesFrom} on; this version knows ${migrations.length}`,
    {
      hint: "Run the version of taskiq that migrated it, or a later one.",
    },
  );
}

/**
 * A table of our name in a file that records no version was not made by taskiq, so it is neither
 * altered nor dropped.
 */
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
