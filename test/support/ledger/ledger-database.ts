// Postgres ledgers for tests: one server for a test file, a database of its own for each test, and
// a database clock that tests move.
import { after, type TestContext } from "node:test";
import postgres, { type Sql } from "postgres";
import { systemClock } from "../../../core/clock.ts";
import type { Ledger } from "../../../core/ledger/port.ts";
import type { PostgresTarget } from "../../../core/ledger/postgres/open.ts";
import { openPostgresLedger, type PostgresLedgerOptions } from "../../../core/ledger/postgres/postgres.ts";
import type { PostgresSettings } from "../postgres/cluster.ts";
import { type PostgresServer, startPostgres } from "../postgres/postgres-server.ts";

export interface LedgerDatabase {
  readonly target: PostgresTarget;
  /** In that database, as its owner. */
  readonly admin: Sql;
  /** As often as wanted: each is a worker of its own. */
  readonly open: (changes?: Partial<PostgresLedgerOptions>) => Promise<Ledger>;
}

export interface LedgerDatabases {
  readonly server: PostgresServer;
  make(t: TestContext): Promise<LedgerDatabase>;
}

const database = "ledgers";

/** Call it at the top of a test file; the server ends with the file. */
export async function ledgerDatabases(settings: PostgresSettings = {}): Promise<LedgerDatabases> {
  const server = await startPostgres(settings);
  const root = quiet(server.url);
  // Ordered as people would, where the server can: the ledger must not depend on it.
  const [{ version = 0 } = {}] = await root`SELECT current_setting('server_version_num')::int AS version`;
  const order = version >= 150_000 ? "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" : "";
  await root.unsafe(`CREATE DATABASE ${database} TEMPLATE template0 ${order}`);
  await root.end();
  after(() => server.stop());
  let made = 0;
  const make = (t: TestContext) => {
    made += 1;
    return makeOne(t, targetOf(server.url, `test_${made}`));
  };
  return { server, make };
}

/**
 * A user with a schema of the same name, which is all that it sees: cheaper than a database, and as
 * good.
 */
async function makeOne(t: TestContext, target: PostgresTarget): Promise<LedgerDatabase> {
  const { host, port, user } = target;
  const root = quiet(`postgresql://postgres@${host}:${port}/${database}`);
  await root.unsafe(`CREATE ROLE ${user} LOGIN SUPERUSER; CREATE SCHEMA ${user} AUTHORIZATION ${user};
    ALTER ROLE ${user} SET search_path = ${user}`);
  await root.end();
  const admin = quiet(`postgresql://${user}@${host}:${port}/${database}`);
  const opened: Ledger[] = [];
  t.after(async () => {
    await Promise.all(opened.map((ledger) => ledger.close()));
    await admin.end();
  });
  const open: LedgerDatabase["open"] = async (changes = {}) => {
    const ledger = await openPostgresLedger({ ...options(target), ...changes });
    opened.push(ledger);
    return ledger;
  };
  return { target, admin, open };
}

function options(target: PostgresTarget): PostgresLedgerOptions {
  const time = { clock: systemClock, chance: Math.random };
  return { target, writeBoundMs: 5_000, answerMs: 10_000, applicationName: "taskiq-test", ...time };
}

function targetOf(url: string, user: string): PostgresTarget {
  const { hostname: host, port } = new URL(url);
  return {
    host,
    port: Number(port),
    user,
    password: "",
    database,
    sslMode: "disable",
    caFile: null,
    passFile: null,
    pooler: false,
  };
}

export interface DatabaseClock {
  readonly nowMs: () => number;
  readonly advance: (ms: number) => Promise<void>;
}

/**
 * Puts a `clock_timestamp()` of our own before PostgreSQL's, for every connection that its user
 * makes from now on; it stands still until it is moved.
 */
export async function standStill({ admin, target }: LedgerDatabase): Promise<DatabaseClock> {
  let nowMs = 1_790_000_000_000;
  const { user } = target;
  const clock = `${user}_clock`;
  await admin.unsafe(`CREATE SCHEMA ${clock}; CREATE TABLE ${clock}.now (at timestamptz NOT NULL);
    INSERT INTO ${clock}.now VALUES (timestamptz 'epoch' + ${nowMs} * interval '1 millisecond');
    CREATE FUNCTION ${clock}.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM ${clock}.now';
    ALTER ROLE ${user} SET search_path = ${clock}, pg_catalog, ${user};`);
  const advance = async (ms: number) => {
    nowMs += ms;
    await admin.unsafe(`UPDATE ${clock}.now SET at = at + $1::float8 * interval '1 millisecond'`, [ms]);
  };
  return { nowMs: () => nowMs, advance };
}

function quiet(url: string): Sql {
  return postgres(url, { max: 2, onnotice: () => undefined });
}
