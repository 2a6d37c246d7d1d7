// `--ledger-url dagster`: the ledger in the database of the Dagster instance, found by Dagster's
// own reading of dagster.yaml.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { runTaskiq, type Variables } from "../support/taskiq/run-taskiq.ts";

const databases = await ledgerDatabases();
const { PATH = "" } = process.env;
const MIGRATIONS =
  "1 (records), 2 (locks), 3 (replays), 4 (bodies), 5 (pending), 6 (quiet), 7 (deduplication), 8 (burial_key), 9 (cut_receives)";

const taskiq = (args: readonly string[], env: Variables) => runTaskiq(args, { PATH, ...env });

function homeOf(t: TestContext, config: string): string {
  const home = mkdtempSync(join(tmpdir(), "taskiq-ledger-in-dagster-"));
  t.after(() => rmSync(home, { recursive: true }));
  writeFileSync(join(home, "dagster.yaml"), config);
  return home;
}

/** An instance in a database of its own; its user and password come from variables. */
async function instance(t: TestContext, makesTables = true) {
  // Registered before the database's own end.
  const cleanUp: { now?: () => Promise<unknown> } = {};
  t.after(() => cleanUp.now?.());
  const { target, admin } = await databases.make(t);
  const { host, port, database, user } = target;
  const config = `storage:
  postgres:
    postgres_db:
      username: { env: DB_USER }
      password: { env: DB_PASSWORD }
      hostname: ${host}
      db_name: ${database}
      port: ${port}
      # Without it SQLAlchemy 2.1 takes psycopg; dagster-postgres brings psycopg2.
      scheme: postgresql+psycopg2
    should_autocreate_tables: ${makesTables}
`;
  const variables = { DB_USER: user, DB_PASSWORD: "hush-hush" };
  const env = { DAGSTER_HOME: homeOf(t, config), TASKIQ_PYTHON: PYTHON, ...variables };
  const name = `postgres://${host}:${port}/${database} (schema taskiq)`;
  // The tests of this file share one database, in which the schema has a fixed name.
  cleanUp.now = () => admin.unsafe("DROP SCHEMA IF EXISTS taskiq CASCADE");
  return { config, variables, env, name, admin, user };
}

test("migrate makes the ledger in a schema of Dagster's database, and finds it there by default", async (t) => {
  const { env, name, admin } = await instance(t);
  const say = (what: string) => ({ code: 0, stdout: "", stderr: `taskiq migrate: ${name}: ${what}\n` });
  assert.deepEqual(await taskiq(["migrate", "--ledger-url", "dagster"], env), say(`applied ${MIGRATIONS}`));
  assert.deepEqual(await taskiq(["migrate", "--check"], env), say("up to date"));
  const tables = await admin`SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'taskiq_%'`;
  assert.deepEqual([...tables], [{ schemaname: "taskiq" }]);
});

test("the SQL of --dry-run serves a role that may only use the schema", async (t) => {
  const { env, name, admin, user } = await instance(t, false);
  const { stdout } = await taskiq(["migrate", "--dry-run"], env);
  const role = `${user}_worker`;
  await admin.unsafe(`${stdout}; CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA taskiq TO ${role};
    GRANT SELECT ON taskiq.taskiq_ledger_schema TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON taskiq.taskiq_idempotency_records TO ${role}`);
  const { code, stderr } = await taskiq(["migrate"], { ...env, DB_USER: role });
  assert.deepEqual([code, stderr], [0, `taskiq migrate: ${name}: up to date\n`]);
});

test("an instance without PostgreSQL is refused, and the hint names what to give", async (t) => {
  const env = { DAGSTER_HOME: homeOf(t, "telemetry:\n  enabled: false\n"), TASKIQ_PYTHON: PYTHON };
  const { code, stderr } = await taskiq(["migrate", "--ledger-url", "dagster"], env);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /--ledger-url dagster: the Dagster instance has no PostgreSQL database, but SqliteEventLogStorage/,
  );
  assert.match(stderr, /Name the ledger: postgres:\/\/<user>@<host>:<port>\/<database>, or sqlite:<path>/);
});

test("a dagster.yaml that Dagster refuses is reported in Dagster's words, without the password", async (t) => {
  const { env } = await instance(t);
  const { DB_USER, ...without } = env;
  const { code, stderr } = await taskiq(["migrate"], without);
  assert.equal(code, 2);
  assert.match(stderr, /--ledger-url dagster: the Dagster instance cannot be asked for its database: .*DB_USER/s);
  assert.ok(!stderr.includes("hush-hush"));
});

test("a worker that knows a queue and an instance records its steps in that instance's database", async (t) => {
  const { config, variables, admin } = await instance(t);
  const deployment = await Deployment.open(50, variables);
  t.after(() => deployment.close());
  writeFileSync(join(deployment.home, "dagster.yaml"), config);
  await deployment.startWorker();
  const runId = await deployment.dagster.launch("one_success");
  assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
  await deployment.queueEmpty();
  const rows = await admin`SELECT state, step_key FROM taskiq.taskiq_idempotency_records WHERE run_id = ${runId}`;
  assert.deepEqual([...rows], [{ state: "completed", step_key: "succeed" }]);
  assert.equal(existsSync(join(deployment.home, "taskiq.sqlite")), false);
});

test("each end is settled with its event, so no permit is asked for and no other statement settles it", async (t) => {
  const { config, variables, admin } = await instance(t);
  const deployment = await Deployment.open(50, variables);
  t.after(() => deployment.close());
  writeFileSync(join(deployment.home, "dagster.yaml"), config);
  const healthPort = await freePort();
  const flags = ["--concurrency", "4", "--max-starts", "1", "--health-port", String(healthPort)];
  await deployment.startWorker({ flags });
  const { dagster } = deployment;
  const runIds = [await dagster.launch("weather_report"), await dagster.launch("one_failure")];
  const givenUp = await dagster.launch("exits_hard");
  const ended = [...runIds, givenUp].map((runId) => dagster.finished(runId));
  assert.deepEqual(await Promise.all(ended), ["SUCCESS", "FAILURE", "FAILURE"]);
  await deployment.queueEmpty();
  for (const runId of [...runIds, givenUp]) {
    const rows = await admin`SELECT step_key, outcome ->> 'state' AS state, permit_token, lease_expires_at
      FROM taskiq.taskiq_idempotency_records WHERE run_id = ${runId}`;
    const ends = (await dagster.terminalEvents(runId)).map(({ step, type }) => `${step} ${type}`);
    const settled = rows.map(
      ({ step_key: step, state }) =>
        `${step} ${state === "reported" ? "STEP_FAILURE" : `STEP_${String(state).toUpperCase()}`}`,
    );
    assert.deepEqual(settled.toSorted(), ends.toSorted());
    assert.ok(rows.every((row) => row["permit_token"] === null && row["lease_expires_at"] === null));
  }
  const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
  const asked = [
    ...metrics.matchAll(/^taskiq_ledger_operation_seconds_count\{operation="(claim|permit|settle)"\} (\d+)/gm),
  ];
  assert.deepEqual(
    asked.map(([, operation, count]) => `${operation} ${count}`),
    ["claim 13"],
  );
  assert.match(metrics, /^taskiq_steps_total\{.*outcome="failure"\} 1$/m);
  assert.match(metrics, /^taskiq_step_overhead_seconds_count\{part="settle"\} 13$/m);
});
