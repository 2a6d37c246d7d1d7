// Names the ledgers there are, and opens the one that was chosen. Each is loaded only when it is.
import { systemClock } from "../../core/clock.ts";
import { Fault } from "../../core/faults.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import type { PostgresTarget } from "../../core/ledger/postgres/open.ts";
import type { LedgerSchema } from "../../core/ledger/schema.ts";
import type { InstanceDatabase } from "../../core/runner/instance-database.ts";
import type { LedgerChoice } from "../options/ledger-options.ts";
import { sslModeNamed } from "../options/ledger-url.ts";
import type { Env } from "../options/resolve.ts";

/**
 * How long after its lease's end a permitted step's write may still be on its way into Dagster's
 * storage.
 */
const WRITE_BOUND_MS = 5_000;
const ANSWER_CAP_MS = 5_000;
/** Holds the ledger's tables in Dagster's own database, apart from Dagster's. */
const SCHEMA_BESIDE_DAGSTER = "taskiq";

const TIME = { clock: systemClock, chance: Math.random };

/** Brings its schema up to date. Rejects with a `Fault`. */
export async function openLedger(choice: LedgerChoice, worker: string, leaseMs: number, env: Env): Promise<Ledger> {
  const writeBoundMs = WRITE_BOUND_MS;
  if (choice.kind === "sqlite") {
    const { openSqliteLedger } = await import("../../core/ledger/sqlite/sqlite.ts");
    return openSqliteLedger({ path: choice.path, clock: systemClock, writeBoundMs });
  }
  const target = await targetOf(choice, env);
  const { openPostgresLedger } = await import("../../core/ledger/postgres/postgres.ts");
  // A renewal is tried several times within the lease: each must know early enough that it failed.
  const answerMs = Math.min(ANSWER_CAP_MS, leaseMs / 8);
  const applicationName = `taskiq ${worker}`;
  return openPostgresLedger({ target, writeBoundMs, answerMs, applicationName, ...TIME });
}

/** Returns the schema of a ledger that lives in Dagster's own database; else `null`. */
export function schemaBesideDagster(choice: LedgerChoice): string | null {
  return choice.kind === "dagster" ? SCHEMA_BESIDE_DAGSTER : null;
}

export async function openLedgerSchema(choice: LedgerChoice, env: Env): Promise<LedgerSchema> {
  if (choice.kind === "sqlite") {
    const { sqliteSchema } = await import("../../core/ledger/sqlite/upgrade.ts");
    return sqliteSchema(choice.path, systemClock);
  }
  const target = await targetOf(choice, env);
  const { openPostgresSchema } = await import("../../core/ledger/postgres/postgres.ts");
  return openPostgresSchema({ target, answerMs: ANSWER_CAP_MS, applicationName: "taskiq migrate", ...TIME });
}

async function targetOf(choice: Exclude<LedgerChoice, { kind: "sqlite" }>, env: Env): Promise<PostgresTarget> {
  if (choice.kind === "postgres") return choice;
  const { askInstanceDatabase } = await import("../../core/runner/instance-database.ts");
  const { home, python } = choice;
  return besideDagster(await askInstanceDatabase({ python, env: { ...env, DAGSTER_HOME: home } }), env);
}

/** What the URL leaves open, libpq takes from variables of its own. */
function besideDagster(found: InstanceDatabase, env: Env): PostgresTarget {
  const host = found.host ?? env["PGHOST"] ?? null;
  const user = found.user ?? env["PGUSER"] ?? null;
  if (host === null || user === null || host.startsWith("/")) {
    const what = host === null || user === null ? "no host or no user" : `the socket ${host}`;
    throw new Fault("TQ_CONFIG", `--ledger-url dagster: the Dagster instance names ${what} for its database`, {
      hint: "taskiq reaches databases over TCP: name host and user in dagster.yaml, or the ledger with --ledger-url.",
    });
  }
  const caFile = found.sslrootcert;
  return {
    host,
    port: found.port,
    user,
    password: found.password ?? env["PGPASSWORD"] ?? "",
    passFile: found.passfile ?? env["PGPASSFILE"] ?? null,
    database: found.database ?? user,
    sslMode: sslModeNamed(found.sslmode) ?? (caFile === null ? "prefer" : "verify-full"),
    caFile,
    pooler: false,
    schema: SCHEMA_BESIDE_DAGSTER,
  };
}
