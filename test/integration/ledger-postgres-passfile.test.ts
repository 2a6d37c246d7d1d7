// A password that is replaced under a running worker: it stands in a file, which the ledger and
// Dagster's libpq read at each connection.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { readLedgerUrl } from "../../cli/options/ledger-url.ts";
import { claimed, requestFor } from "../contract/ledger-setup.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";

const folder = mkdtempSync(join(tmpdir(), "taskiq-passfile-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
const rules = join(folder, "pg_hba.conf");
writeFileSync(rules, "host all +rotating 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
const databases = await ledgerDatabases({ hba_file: rules });
/** The server asks the group's members for a password. */
const group = "DO $$ BEGIN CREATE ROLE rotating; EXCEPTION WHEN duplicate_object THEN NULL; END $$";

async function open(t: TestContext) {
  const database = await databases.make(t);
  const { host, port, database: name, user } = database.target;
  const login = `rotating_${user}`;
  const path = join(folder, `${login}.pgpass`);
  const write = (password: string) =>
    writeFileSync(path, `${host}:${port}:${name}:${login}:${password}\n`, { mode: 0o600 });
  const replace = (password: string) => database.admin.unsafe(`ALTER ROLE ${login} PASSWORD '${password}'`);
  const disconnect = () =>
    database.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${login}`;
  await database.admin.unsafe(group);
  await database.admin.unsafe(`CREATE ROLE ${login} LOGIN SUPERUSER IN ROLE rotating;
    ALTER ROLE ${login} SET search_path = ${user}`);
  const read = readLedgerUrl(`postgres://${login}@${host}:${port}/${name}?sslmode=disable&passfile=${path}`);
  assert.ok(read?.kind === "postgres");
  const target = { ...database.target, user: login, passFile: read.passFile };
  return { database, target, path, write, replace, disconnect };
}

test("a worker goes on with the new password as soon as it stands in the file, and outlives the time between", async (t) => {
  const { database, target, write, replace, disconnect } = await open(t);
  await replace("first");
  write("first");
  const ledger = await database.open({ target });
  await claimed(ledger, requestFor("run-1:a"));
  await replace("it's: new\\".replace("'", "''"));
  await claimed(ledger, requestFor("run-1:b"));
  await disconnect();
  await assert.rejects(ledger.ping(), { code: "TQ_LEDGER", message: /: it refuses this user$/ });
  write("it's\\: new\\\\");
  await claimed(ledger, requestFor("run-1:c"));
});

test("Dagster's libpq takes the password from the same file", async (t) => {
  const { target, path, write, replace } = await open(t);
  await replace("first");
  write("first");
  const url = `from dagster_postgres.utils import get_conn_string as url; import psycopg2
psycopg2.connect(url("${target.user}", "", "${target.host}", "${target.database}", "${target.port}", {"passfile": "${path}"}))`;
  execFileSync(PYTHON, ["-c", url], { stdio: "pipe", env: { PATH: process.env["PATH"] } });
});

test("a file that is not there, or has no line for the login, is named", async (t) => {
  const { database, target, path, replace } = await open(t);
  await replace("first");
  const fault = (cause: RegExp) => (error: Error) => {
    assert.match(error.message, /: its password file gives no password$/);
    return cause.test(String((error.cause as Error).message));
  };
  await assert.rejects(database.open({ target }), fault(/ENOENT.*\.pgpass/));
  writeFileSync(path, "other:*:*:*:secret\n", { mode: 0o600 });
  await assert.rejects(database.open({ target }), fault(/\.pgpass has no line for this host, port, database and user/));
});
