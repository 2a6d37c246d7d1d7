// What SQLite's result codes mean to whoever runs a worker. Codes that stand for a bug of ours (a violated constraint, misuse) stay what they are.
import { Fault } from "../faults.ts";

interface Meaning {
  readonly what: string;
  readonly hint: string;
}

const permissions =
  "Check that the file and its directory are writable for the worker's user (SQLite keeps -wal and -shm files beside it).";
const broken =
  "Restore the file from a backup, or move it away: a new ledger forgets which steps have ended, Dagster's event log does not.";
const disk = "Check the disk: its free space, its health and whether it is still mounted.";

/** By primary result code: https://www.sqlite.org/rescode.html */
const meanings: ReadonlyMap<number, Meaning> = new Map([
  [3, { what: "access is denied", hint: permissions }],
  [5, { what: "another process kept it locked", hint: "Look for a process that holds a transaction open on it." }],
  [
    6,
    { what: "another connection kept a table locked", hint: "Look for a process that holds a transaction open on it." },
  ],
  [8, { what: "it cannot be written", hint: permissions }],
  [10, { what: "the disk failed", hint: disk }],
  [11, { what: "the file is corrupt", hint: broken }],
  [13, { what: "the disk is full", hint: disk }],
  [14, { what: "the file cannot be opened", hint: permissions }],
  [
    15,
    {
      what: "its locks do not work",
      hint: "Put the ledger on a local disk: SQLite cannot share a file over a network file system.",
    },
  ],
  [26, { what: "the file is not a SQLite database", hint: broken }],
]);

/** The Fault for an error of `node:sqlite` on the ledger at `path`; any other error as it is. */
export function sqliteFault(path: string, error: unknown): unknown {
  const meaning = meanings.get(primaryCode(error) ?? -1);
  if (meaning === undefined) return error;
  return new Fault("TQ_LEDGER", `ledger ${path}: ${meaning.what}`, { hint: meaning.hint, cause: error });
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

/** `errcode` is an extended code; its low byte is the primary one. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}
