// Opens the ledger's file: write-ahead log, durable commits, bounded waits.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../faults.ts";
import { isBusy, sqliteFault } from "./faults.ts";
import { migrate } from "./schema.ts";
import { inTransaction } from "./transaction.ts";

/**
 * Each retry follows a wait for the lock, so this many in a row mean that something other than a
 * start-up is wrong.
 */
const WAL_ATTEMPTS = 100;

/** Throws a `Fault` (`TQ_LEDGER`, `TQ_LEDGER_SCHEMA`) that names the file. */
export function openDatabase(path: string, busyTimeoutMs: number, nowMs: number): DatabaseSync {
  requireDirectory(path);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    configure(db, path, busyTimeoutMs);
    migrate(db, path, nowMs);
    return db;
  } catch (error) {
    db?.close();
    throw sqliteFault(path, error);
  }
}

function requireDirectory(path: string): void {
  const directory = dirname(path);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Fault("TQ_LEDGER", `ledger ${path}: directory ${directory} does not exist`, {
    hint: "Create the directory, or name a file in an existing one.",
  });
}

function configure(db: DatabaseSync, path: string, busyTimeoutMs: number): void {
  db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  const mode = journalInWal(db);
  if (mode !== "wal") {
    throw new Fault("TQ_LEDGER", `ledger ${path}: expected journal mode wal, got ${mode}`, {
      hint: "Put the ledger in a file on a local disk.",
    });
  }
  // FULL: a commit is on disk before anything is done because of it. With NORMAL, a power cut may
  // take back a settle whose message is deleted already, or a claim, and then two workers get the
  // same fence.
  db.exec("PRAGMA synchronous = FULL");
}

/**
 * Several processes that switch a new file to WAL at once see SQLITE_BUSY without any wait,
 * whatever the busy timeout. SQLite calls no busy handler when it upgrades a read lock. Taking the
 * write lock does wait, so the switch is tried again after it.
 */
function journalInWal(db: DatabaseSync): unknown {
  for (let attempt = 1; ; attempt++) {
    try {
      return db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
    } catch (error) {
      if (!isBusy(error) || attempt === WAL_ATTEMPTS) throw error;
      inTransaction(db, () => undefined);
    }
  }
}
