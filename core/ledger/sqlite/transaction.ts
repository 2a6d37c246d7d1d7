// One write transaction on the SQLite ledger.
import type { DatabaseSync } from "node:sqlite";

/** The ledger, for those of its records that have a file of their own. */
export interface SqliteRecordPorts {
  readonly db: DatabaseSync;
  readonly nowMs: () => number;
  /** Runs the work within a write transaction. */
  readonly write: <T>(work: () => T) => Promise<T>;
  /** Runs work that only reads. */
  readonly read: <T>(work: () => T) => T;
}

/**
 * IMMEDIATE takes the write lock before anything is read. A deferred transaction that reads first
 * and then writes fails at once, without waiting, when another process wrote in between
 * (SQLITE_BUSY_SNAPSHOT).
 */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    // A full or failing disk has already rolled back by itself.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
