// What it takes to reach the database of a Postgres ledger.
import { readFile } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { Fault } from "../../faults.ts";
import { PostgresPool } from "./pool.ts";
import type { SslMode } from "./socket.ts";

/** Where the database is, and how to get in. */
export interface PostgresTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /**
   * File that has the password, read at each connection, where none is given. `null` means no file.
   */
  readonly passFile: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  /** File with the authorities to trust (PEM). `null` means those that Node ships. */
  readonly caFile: string | null;
  /** A pooler in transaction mode is in between. */
  readonly pooler: boolean;
  /** The schema that holds the tables. Absent means that the role's `search_path` finds them. */
  readonly schema?: string;
}

export interface PostgresOptions {
  readonly target: PostgresTarget;
  /**
   * How long a call may take once its statement's turn has come, all attempts together; then it is
   * a `Fault`. A call waits for the statement of its kind that is under way, so it may take twice
   * as long. Keep it well inside the lease.
   */
  readonly answerMs: number;
  /** What operators see in pg_stat_activity. */
  readonly applicationName: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** The connections are made when they are needed. */
export async function openPool(options: PostgresOptions): Promise<PostgresPool> {
  const { target, answerMs, ...rest } = options;
  const name = nameOf(target);
  const ca = target.caFile === null ? null : await readCa(name, target.caFile);
  // The server gives up a little earlier than we do, so that its answer is a clear one.
  return new PostgresPool({ ...target, ...rest, ca, name, answerMs, statementMs: Math.ceil(answerMs * 0.9) });
}

/** Never with the user or the password. */
export function nameOf({ host, port, database, schema }: PostgresTarget): string {
  const inSchema = schema === undefined ? "" : ` (schema ${schema})`;
  return `postgres://${host.includes(":") ? `[${host}]` : host}:${port}/${database}${inSchema}`;
}

async function readCa(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(name, path, error);
  }
}

function unreadable(name: string, path: string, cause: unknown): Fault {
  return new Fault("TQ_CONFIG", `ledger ${name}: sslrootcert ${path} cannot be read`, { cause });
}
