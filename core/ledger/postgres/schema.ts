// The tables of the Postgres ledger: numbered migrations, applied in one transaction each time, by
// one process at a time.
import { Fault } from "../../faults.ts";
import type { LedgerSchema, Migration } from "../schema.ts";
import { LACKS_PRIVILEGE } from "./faults.ts";
import { RECORDS } from "./migrations/0001-records.ts";
import { LOCKS } from "./migrations/0002-locks.ts";
import { REPLAYS } from "./migrations/0003-replays.ts";
import { BODIES } from "./migrations/0004-bodies.ts";
import { PENDING } from "./migrations/0005-pending.ts";
import { QUIET } from "./migrations/0006-quiet.ts";
import { DEDUPLICATION } from "./migrations/0007-deduplication.ts";
import { BURIAL_KEY } from "./migrations/0008-burial-key.ts";
import { CUT_RECEIVES } from "./migrations/0009-cut-receives.ts";
import { nameOf, type PostgresTarget } from "./open.ts";
import type { PostgresPool } from "./pool.ts";

/**
 * A published one is never edited, and only adds: workers of the version before run beside those of
 * this one while a deploy lasts.
 */
const texts: readonly (readonly [name: string, sql: string])[] = [
  ["records", RECORDS],
  ["locks", LOCKS],
  ["replays", REPLAYS],
  ["bodies", BODIES],
  ["pending", PENDING],
  ["quiet", QUIET],
  ["deduplication", DEDUPLICATION],
  ["burial_key", BURIAL_KEY],
  ["cut_receives", CUT_RECEIVES],
];

export const SCHEMA_VERSION = texts.length;

/**
 * The oldest schema version whose workers this schema's tables still serve. It grows only with a
 * release that says so.
 */
export const SERVES_FROM = 1;

/** Any number that no other program uses: "taskiq" in ASCII. */
const LOCK_KEY = 0x7461_736b_6971n;
const TABLE = "taskiq_ledger_schema";

const CREATE_VERSIONS = `CREATE TABLE IF NOT EXISTS ${TABLE} (
  version     integer     NOT NULL PRIMARY KEY,
  serves_from integer     NOT NULL,
  applied_at  timestamptz NOT NULL
);`;

/** Each migration records itself, so that an operator can run the SQL alone. */
const migrations: readonly Migration[] = texts.map(([name, sql], index) => {
  const version = index + 1;
  const record = `INSERT INTO ${TABLE} (version, serves_from, applied_at) VALUES (${version}, ${SERVES_FROM}, clock_timestamp());`;
  return { version, name, sql: [CREATE_VERSIONS, sql.trim(), record].join("\n") };
});

/**
 * SQL_ASCII stores bytes as they come. In any other encoding, some texts of steps and errors could
 * not be written.
 */
const ENCODINGS: readonly unknown[] = ["UTF8", "SQL_ASCII"];

interface Found {
  readonly encoding: unknown;
  /** 0: none of our tables is there. */
  readonly version: number;
  readonly servesFrom: number;
}

type Query = (text: string) => PromiseLike<readonly Readonly<Record<string, unknown>>[]>;

export function postgresSchema(pool: PostgresPool, target: PostgresTarget): LedgerSchema {
  const name = nameOf(target);
  const pending = async () => {
    const found = await pool.ask((link, signal) => read((text) => link.run(text, [], signal)));
    return pendingAfter(found, name).map((migration) => within(target.schema, migration));
  };
  return {
    name,
    pending,
    // Most starts find nothing to do, and need no more than to look.
    migrate: async () => ((await pending()).length === 0 ? [] : migrate(pool, target)),
    close: () => pool.close(),
  };
}

/**
 * The lock is the transaction's, so that it works through a pooler, and is free again however this
 * process ends.
 */
async function migrate(pool: PostgresPool, target: PostgresTarget): Promise<readonly Migration[]> {
  const name = nameOf(target);
  try {
    return await pool.transaction(async (sql) => {
      await sql.unsafe("SET LOCAL statement_timeout = 0");
      await sql.unsafe(`SELECT pg_advisory_xact_lock(${LOCK_KEY})`);
      const found = await read((text) => sql.unsafe(text));
      const pending = pendingAfter(found, name).map((migration) => within(target.schema, migration));
      for (const { sql: text } of pending) await sql.unsafe(text);
      return pending;
    });
  } catch (error) {
    throw isDenied(error) ? mayNot(name, error) : error;
  }
}

/**
 * Each migration makes its schema first, so that an operator can run the SQL alone. A schema that
 * is there is left as it is: its role need not be allowed to make schemas.
 */
function within(schema: string | undefined, migration: Migration): Migration {
  if (schema === undefined) return migration;
  const make = `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '${schema}') THEN CREATE SCHEMA ${schema}; END IF;
END $$;
SET search_path = ${schema};`;
  return { ...migration, sql: `${make}\n${migration.sql}` };
}

function mayNot(name: string, { cause }: Fault): Fault {
  const message = `ledger ${name}: its schema is not up to date, and this role may not change it`;
  return new Fault("TQ_LEDGER_SCHEMA", message, {
    hint: "Run taskiq migrate with a role that may create tables.",
    cause,
  });
}

function isDenied(error: unknown): error is Fault {
  return error instanceof Fault && error.message.endsWith(LACKS_PRIVILEGE);
}

/**
 * The tables are looked up in pg_class, not by to_regclass(). That may answer "none" from the
 * connection's memory, although another process made the table while we waited for the lock. To
 * read pg_class, the connection must first hear what has changed.
 */
async function read(query: Query): Promise<Found> {
  const [setting] = await query("SELECT pg_catalog.current_setting('server_encoding') AS encoding");
  const encoding = setting?.["encoding"];
  const tables = await query(`SELECT relname FROM pg_catalog.pg_class
    WHERE relname IN ('${TABLE}', 'taskiq_idempotency_records') AND pg_catalog.pg_table_is_visible(oid)`);
  const names = tables.map((row) => row["relname"]);
  if (!names.includes(TABLE)) return { encoding, version: names.length > 0 ? Number.NaN : 0, servesFrom: 0 };
  const [newest] = await query(`SELECT version, serves_from FROM ${TABLE} ORDER BY version DESC LIMIT 1`);
  return { encoding, version: Number(newest?.["version"] ?? 0), servesFrom: Number(newest?.["serves_from"] ?? 0) };
}

function pendingAfter(found: Found, name: string): readonly Migration[] {
  if (!ENCODINGS.includes(found.encoding)) {
    throw new Fault(
      "TQ_LEDGER_SCHEMA",
      `ledger ${name}: its encoding is ${found.encoding}, which cannot hold every text`,
      {
        hint: "Name a database that was created with ENCODING 'UTF8'.",
      },
    );
  }
  // A table of our name that records no version was not made by taskiq, so it is left alone.
  if (Number.isNaN(found.version)) {
    const message = `ledger ${name}: table taskiq_idempotency_records exists, but no schema version is recorded`;
    throw new Fault("TQ_LEDGER_SCHEMA", message, {
      hint: "Name another database, or drop that table if nothing else uses it.",
    });
  }
  if (found.servesFrom > SCHEMA_VERSION) {
    const message = `ledger ${name}: schema ${found.version} serves workers from schema ${found.servesFrom} on; this version knows ${SCHEMA_VERSION}`;
    throw new Fault("TQ_LEDGER_SCHEMA", message, {
      hint: "Run the version of taskiq that migrated it, or a later one.",
    });
  }
  return migrations.slice(found.version);
}
