// What the errors of Postgres and of the way to it mean to an operator. What stands for a
// bug of ours stays what it is.
import { describeError, Fault, type FaultCode } from "../../faults.ts";
import { NoAnswer } from "../../time-limits.ts";
import { PASSFILE_CODE } from "./passfile.ts";

interface Meaning {
  readonly what: string;
  readonly hint: string;
  /** Worth asking again at once, over another connection. */
  readonly transient?: true;
  readonly code?: FaultCode;
}

export const LACKS_PRIVILEGE = "the role lacks a privilege";
const NETWORK = "Check that the database is up and that its address, port and security groups let this machine in.";
const BUSY = "It should pass by itself; look for long transactions and for what else the database is doing.";
const GRANTS = "Grant the role what docs/ledger.md lists.";
const POOLER_HINT = "A pooler in transaction mode is in between: add pooler=transaction to the ledger's URL.";
const CANNOT_HOLD = "it cannot hold the values to be written";
const SHORT_TEXTS = "Look at the texts of that row: at their length, their characters and their numbers.";
const MIGRATE = "Run taskiq migrate with a role that may create tables.";

/**
 * By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), whole or its class,
 * and by Node's and the library's codes.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  "08": { what: "the connection broke", hint: NETWORK, transient: true },
  "08P01": { what: "it cannot read what this worker sends", hint: POOLER_HINT },
  "22": { what: CANNOT_HOLD, hint: SHORT_TEXTS, code: "TQ_LEDGER_REFUSED" },
  "25006": {
    what: "it is read-only",
    hint: "After a failover, the address must lead to the new primary.",
    transient: true,
  },
  "26000": { what: "a prepared statement is gone", hint: POOLER_HINT, transient: true },
  "28": { what: "it refuses this user", hint: "Check the user, its password and the server's pg_hba.conf." },
  "3D000": { what: "there is no such database", hint: "Check the name of the database." },
  "40": { what: "transactions conflicted", hint: BUSY, transient: true },
  "42501": { what: LACKS_PRIVILEGE, hint: GRANTS },
  "42P01": { what: "its tables are missing", hint: MIGRATE, code: "TQ_LEDGER_SCHEMA" },
  "42703": { what: "its tables lack a column", hint: MIGRATE, code: "TQ_LEDGER_SCHEMA" },
  "42P07": {
    what: "a table that the migration creates exists already",
    hint: "Name another database or schema, or drop that table if nothing else uses it.",
    code: "TQ_LEDGER_SCHEMA",
  },
  "42P05": { what: "a prepared statement is there twice", hint: POOLER_HINT, transient: true },
  "53": { what: "it has no room", hint: "Look at its connections, memory and disk.", transient: true },
  "54": { what: CANNOT_HOLD, hint: SHORT_TEXTS, code: "TQ_LEDGER_REFUSED" },
  "55P03": { what: "a lock was not granted in time", hint: BUSY, transient: true },
  "57014": { what: "it took too long", hint: BUSY },
  "57": { what: "it is starting or stopping", hint: NETWORK, transient: true },
  "58": { what: "its disk failed", hint: "Look at the database's log." },
  XX: { what: "it reports an internal error", hint: "Look at the database's log." },
  ...Object.fromEntries(
    ["CONNECTION_CLOSED", "CONNECTION_DESTROYED", "CONNECTION_ENDED", "ECONNRESET", "EPIPE"].map((code) => [
      code,
      { what: "the connection broke", hint: NETWORK, transient: true } satisfies Meaning,
    ]),
  ),
  ...Object.fromEntries(
    ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"].map(
      (code) => [code, { what: "it cannot be reached", hint: NETWORK, transient: true } satisfies Meaning],
    ),
  ),
  [PASSFILE_CODE]: {
    what: "its password file gives no password",
    hint: "Name a file with a line host:port:database:user:password for it, as libpq reads it.",
  },
  TQ_SLOW: { what: "no answer in time", hint: NETWORK },
};

/** Any other failure of the operating system: this process has no file descriptor left, say. */
const SYSTEM: Meaning = {
  what: "this machine cannot reach it",
  hint: "The cause names the system call that failed; EMFILE means that too many files are open.",
  transient: true,
};

export function isTransient(error: unknown): boolean {
  return meaningOf(error)?.transient === true;
}

/**
 * Whether the connection is still good. The server answered, and did not announce its own shutdown.
 */
export function isConnectionFine(error: unknown): boolean {
  const code = codeOf(error);
  return /^[0-9A-Z]{5}$/.test(code) && !/^(?:08|57|25006|53|XX)/.test(code);
}

/** The Fault for an error on the ledger called `name`; any other error as it is. */
export function postgresFault(name: string, error: unknown): unknown {
  if (error instanceof Fault) return error;
  const meaning = meaningOf(error);
  if (meaning === undefined) return error;
  const { what, hint, code = "TQ_LEDGER" } = meaning;
  return new Fault(code, `ledger ${name}: ${what}`, { hint, cause: new Error(describeError(error)) });
}

function meaningOf(error: unknown): Meaning | undefined {
  const code = codeOf(error);
  if (meanings[code] !== undefined) return meanings[code];
  if (isOfSystem(error)) return SYSTEM;
  return /^[0-9A-Z]{5}$/.test(code) ? meanings[code.slice(0, 2)] : undefined;
}

function isOfSystem(error: unknown): boolean {
  if (error instanceof AggregateError) return isOfSystem(error.errors[0]);
  return error instanceof Error && "syscall" in error && "errno" in error;
}

/** A host with several addresses fails with all their errors in one. */
function codeOf(error: unknown): string {
  if (error instanceof NoAnswer) return "TQ_SLOW";
  if (!(error instanceof Error)) return "";
  const { code } = error as { readonly code?: unknown };
  if (typeof code === "string") return code;
  return error instanceof AggregateError ? codeOf(error.errors[0]) : "";
}
