// What SQLite's result codes mean to an operator. Codes that stand for a bug of ours (a
// violated constraint, misuse) stay what they are.
import { Fault, type FaultCode } from "../../faults.ts";

interface Meaning {
  /** SQLite's own text for the code, with which the message of an error begins. */
  readonly text: string;
  readonly what: string;
  readonly hint: string;
  readonly code?: FaultCode;
}

const PERMISSIONS =
  "Check that the file and its directory are writable for the worker's user (SQLite keeps -wal and -shm files beside it).";
const BROKEN =
  "Restore the file from a backup, or move it away: a new ledger forgets which steps have ended, Dagster's event log does not.";
const DISK = "Check the disk: its free space, its health and whether it is still mounted.";
const HOLDER = "Look for a process that holds a transaction open on it.";
const LOCAL = "Put the ledger on a local disk: SQLite cannot share a file over a network file system.";

const BUSY = 5;
/**
 * SQLITE_CONSTRAINT_DATATYPE: a value that a column of a STRICT table does not take. Other
 * constraints are ours to keep.
 */
const WRONG_TYPE = 3091;

const refused = {
  what: "it cannot hold the values to be written",
  hint: "Look at the texts and numbers of that row.",
  code: "TQ_LEDGER_REFUSED",
} as const;

/** By primary result code: https://www.sqlite.org/rescode.html */
const meanings: ReadonlyMap<number, Meaning> = new Map([
  [3, { text: "access permission denied", what: "access is denied", hint: PERMISSIONS }],
  [BUSY, { text: "database is locked", what: "another process kept it locked", hint: HOLDER }],
  [6, { text: "database table is locked", what: "another connection kept a table locked", hint: HOLDER }],
  [8, { text: "attempt to write a readonly database", what: "it cannot be written", hint: PERMISSIONS }],
  [10, { text: "disk I/O error", what: "the disk failed", hint: DISK }],
  [11, { text: "database disk image is malformed", what: "the file is corrupt", hint: BROKEN }],
  [13, { text: "database or disk is full", what: "the disk is full", hint: DISK }],
  [14, { text: "unable to open database file", what: "the file cannot be opened", hint: PERMISSIONS }],
  [15, { text: "locking protocol", what: "its locks do not work", hint: LOCAL }],
  [18, { text: "string or blob too big", ...refused }],
  [26, { text: "file is not a database", what: "the file is not a SQLite database", hint: BROKEN }],
]);

/** The Fault for an error of `node:sqlite` on the ledger at `path`; any other error as it is. */
export function sqliteFault(path: string, error: unknown): unknown {
  if (error instanceof Fault) return error;
  const meaning = extendedCode(error) === WRONG_TYPE ? refused : meanings.get(primaryCode(error) ?? -1);
  if (meaning === undefined) return error;
  const { code = "TQ_LEDGER" }: Partial<Meaning> = meaning;
  return new Fault(code, `ledger ${path}: ${meaning.what}`, { hint: meaning.hint, cause: error });
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

/** The low byte of an extended code is the primary one. */
function primaryCode(error: unknown): number | undefined {
  const extended = extendedCode(error);
  if (extended !== undefined) return extended & 0xff;
  if (!(error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR")) return undefined;
  return meanings.entries().find(([, { text }]) => error.message.startsWith(text))?.[0];
}

/** Deno leaves it out unless a prepared statement failed. */
function extendedCode(error: unknown): number | undefined {
  const isOurs = error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
  return isOurs && "errcode" in error && typeof error.errcode === "number" ? error.errcode : undefined;
}
