// The tables of the Postgres ledger: made once by the first that comes, shared by old and new
// workers, and used with the documented grants.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import type { PostgresTarget } from "../../core/ledger/postgres/open.ts";
import { openPostgresSchema } from "../../core/ledger/postgres/postgres.ts";
import { claimed, leaseMs, outcome, request, requestFor } from "../contract/ledger-setup.ts";
import { type LedgerDatabase, ledgerDatabases } from "../support/ledger/ledger-database.ts";

const databases = await ledgerDatabases();

async function schemaOf(t: TestContext, target: PostgresTarget) {
  const time = { clock: systemClock, chance: Math.random };
  const schema = await openPostgresSchema({ target, answerMs: 10_000, applicationName: "taskiq-test", ...time });
  t.after(() => schema.close());
  return schema;
}

const versions = async ({ admin }: LedgerDatabase) =>
  (await admin`SELECT version FROM taskiq_ledger_schema ORDER BY version`).map((row) => row["version"]);

test("one of many workers that start at once makes the tables, and all of them can work", async (t) => {
  const database = await databases.make(t);
  const ledgers = await Promise.all(Array.from({ length: 12 }, () => database.open()));
  assert.deepEqual(await versions(database), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await Promise.all(ledgers.map((ledger, i) => claimed(ledger, requestFor(`run-1:step_${i}`))));
});

test("a look at pending migrations changes nothing, and each is applied once", async (t) => {
  const database = await databases.make(t);
  const schema = await schemaOf(t, database.target);
  const names = [
    [1, "records"],
    [2, "locks"],
    [3, "replays"],
    [4, "bodies"],
    [5, "pending"],
    [6, "quiet"],
    [7, "deduplication"],
    [8, "burial_key"],
    [9, "cut_receives"],
  ];
  assert.deepEqual(
    (await schema.pending()).map(({ version, name }) => [version, name]),
    names,
  );
  assert.equal((await schema.pending()).length, names.length);
  assert.deepEqual(
    (await schema.migrate()).map(({ version, name }) => [version, name]),
    names,
  );
  assert.deepEqual(await schema.migrate(), []);
  assert.deepEqual(await schema.pending(), []);
});

test("the SQL that --dry-run shows is all that an administrator has to run", async (t) => {
  const database = await databases.make(t);
  const schema = await schemaOf(t, database.target);
  for (const { sql } of await schema.pending()) await database.admin.unsafe(sql);
  assert.deepEqual(await schema.pending(), []);
  await claimed(await database.open());
});

test("a migration that fails half way leaves nothing behind", async (t) => {
  const database = await databases.make(t);
  await database.admin`CREATE TABLE taskiq_ledger_locks (theirs text)`;
  await assert.rejects(database.open(), { code: "TQ_LEDGER_SCHEMA" });
  const tables = await database.admin`SELECT relname FROM pg_class WHERE relname LIKE 'taskiq%' AND relkind = 'r'
    AND pg_table_is_visible(oid)`;
  assert.deepEqual(
    tables.map((row) => row["relname"]),
    ["taskiq_ledger_locks"],
  );
});

test("a table of that name that is not ours stays as it is", async (t) => {
  const database = await databases.make(t);
  await database.admin`CREATE TABLE taskiq_idempotency_records (theirs text)`;
  await assert.rejects(database.open(), {
    code: "TQ_LEDGER_SCHEMA",
    message: /: table taskiq_idempotency_records exists, but no schema version is recorded$/,
  });
});

test("a schema that no longer serves this version is refused; a newer one that does is worked with", async (t) => {
  const database = await databases.make(t);
  await (await database.open()).close();
  await database.admin`ALTER TABLE taskiq_idempotency_records ADD COLUMN priority integer`;
  await database.admin`INSERT INTO taskiq_ledger_schema VALUES (10, 1, clock_timestamp())`;
  const ledger = await database.open();
  const hold = await claimed(ledger);
  await ledger.permit(hold, leaseMs);
  assert.equal(await ledger.settle(hold, outcome()), "recorded");
  await database.admin`INSERT INTO taskiq_ledger_schema VALUES (11, 10, clock_timestamp())`;
  await assert.rejects(database.open(), {
    code: "TQ_LEDGER_SCHEMA",
    message: /: schema 11 serves workers from schema 10 on; this version knows 9$/,
    hint: "Run the version of taskiq that migrated it, or a later one.",
  });
});

/** Runs statements as they were released with that schema. */
function released(schema: number, { admin }: LedgerDatabase) {
  const file = new URL(`../../fixtures/ledger/statements-${schema}.json`, import.meta.url);
  const { statements } = JSON.parse(readFileSync(file, "utf8")) as { statements: Readonly<Record<string, string>> };
  return (name: string, ...parameters: (string | number)[]) => admin.unsafe(statements[name] ?? "", parameters);
}

test("the statements of the version before still work on the schema of this one", async (t) => {
  const database = await databases.make(t);
  await (await database.open()).close();
  const run = released(1, database);
  const token = crypto.randomUUID();
  const step = { run_id: "r", step_key: "s", attempt: 0, message_id: "m", payload_digest: "d", received_ms: 1 };
  const question = { position: 0, key: "r:s", owner: "old", lease_ms: leaseMs, token, ...step };
  const [granted] = await run("claim", JSON.stringify([question]), 5_000);
  assert.deepEqual([granted?.["kind"], granted?.["fence"]], ["granted", 1]);
  const hold = { position: 0, key: "r:s", fence: 1 };
  assert.equal((await run("renew", JSON.stringify([hold]), leaseMs)).length, 1);
  assert.equal((await run("permit", JSON.stringify([{ ...hold, lease_ms: leaseMs, token }]))).length, 1);
  const end = JSON.stringify([{ ...hold, state: "completed", outcome: "{}" }]);
  assert.equal((await run("settle", end)).length, 1);
  assert.equal((await run("abandon", JSON.stringify([{ ...hold, given_back: 0 }]), 5_000)).length, 0);
  assert.equal((await run("find", "r:s")).length, 1);
  assert.equal((await run("prune", Date.now() + 10_000, 10)).length, 1);
});

test("a replay that an operator of schema 6 planned gets an id for its copy when it is planned again, and keeps it", async (t) => {
  const database = await databases.make(t);
  const ledger = await database.open();
  const run = released(6, database);
  const plan = {
    letterId: "l",
    queueUrl: "u",
    subject: "run-1:load",
    act: "replay",
    who: "ada",
    why: "mended",
  } as const;
  const [old] = await run("planReplay", ...Object.values(plan));
  assert.deepEqual([old?.["state"], (await ledger.findReplay("l"))?.state], ["planned", "planned"]);
  const ids = [];
  for (const id of ["id-1", "id-2"]) ids.push((await ledger.planReplay(plan, id)).deduplicationId);
  assert.deepEqual(ids, ["id-1", "id-1"]);
  await run("advanceReplay", "l", "sent", "m2");
  const [found] = await run("findReplay", "l");
  assert.deepEqual([found?.["state"], found?.["sentId"], found?.["who"]], ["sent", "m2", "ada"]);
});

test("a role with the documented grants, and no more, can run; it can neither make the tables nor alter them", async (t) => {
  const database = await databases.make(t);
  const worker = `${database.target.user}_worker`;
  const target = { ...database.target, user: worker };
  await database.admin.unsafe(`CREATE ROLE ${worker} LOGIN; ALTER ROLE ${worker} SET search_path = ${database.target.user};
    GRANT USAGE ON SCHEMA ${database.target.user} TO ${worker}`);
  await assert.rejects(database.open({ target }), {
    code: "TQ_LEDGER_SCHEMA",
    message: /: its schema is not up to date, and this role may not change it$/,
    hint: "Run taskiq migrate with a role that may create tables.",
  });
  await (await schemaOf(t, database.target)).migrate();
  await assert.rejects(database.open({ target }), {
    code: "TQ_LEDGER",
    message: /: the role lacks a privilege$/,
    hint: "Grant the role what docs/ledger.md lists.",
  });
  await database.admin.unsafe(documentedGrants("taskiq_worker").replaceAll("taskiq_worker", worker));
  const ledger = await database.open({ target });
  const hold = await claimed(ledger);
  assert.deepEqual(await ledger.renew([hold], leaseMs), [true]);
  assert.equal(await ledger.permit(hold, leaseMs), "granted");
  assert.equal(await ledger.settle(hold, outcome()), "recorded");
  assert.equal(
    await ledger.abandon(await claimed(ledger, request({ attempt: 1 })), { giveStartBack: true }),
    "abandoned",
  );
  assert.equal((await ledger.list({ limit: 10 })).length, 2);
  assert.equal(await ledger.lock("prune", "a", leaseMs), true);
  assert.match(await ledger.burialKey(), /^[0-9a-f-]{72}$/);
  assert.equal(await ledger.prune(Date.now() + 10_000, 10), 2);
  assert.deepEqual(await ledger.quiet.requests(), []);
  await ledger.quiet.report("a", [{ queue: "steps.fifo", busy: 1, idle: false }]);
  await ledger.quiet.report("a", []);
  await ledger.cutReceives.leave([{ attemptId: "a", queueUrl: "u", max: 1, leftMs: 0 }]);
  assert.equal((await ledger.cutReceives.take(["u"], leaseMs)).length, 1);
  await ledger.cutReceives.forget(["a"]);
  await ledger.ping();
});

test("an operator with the documented grants can join, replay, purge and fail dead letters, but delete no rows", async (t) => {
  const database = await databases.make(t);
  await (await schemaOf(t, database.target)).migrate();
  const operator = `${database.target.user}_operator`;
  await database.admin.unsafe(`CREATE ROLE ${operator} LOGIN; ALTER ROLE ${operator} SET search_path = ${database.target.user};
    GRANT USAGE ON SCHEMA ${database.target.user} TO ${operator}`);
  await database.admin.unsafe(documentedGrants("taskiq_operator").replaceAll("taskiq_operator", operator));
  const ledger = await database.open({ target: { ...database.target, user: operator } });
  const [who, why] = ["ada", "mended"];
  const plan = { letterId: "l", queueUrl: "u", subject: "run-1:load", act: "replay", who, why } as const;
  assert.equal((await ledger.planReplay(plan, "id")).state, "planned");
  await ledger.advanceReplay("l", "sent", "m2");
  assert.equal((await ledger.findReplay("l"))?.sentId, "m2");
  // What taskiq fail does: it ends the attempt as a worker would.
  const hold = await claimed(ledger);
  assert.equal(await ledger.permit(hold, leaseMs), "granted");
  assert.deepEqual(await ledger.renew([hold], leaseMs), [true]);
  assert.equal(await ledger.settle(hold, outcome({ state: "parked" })), "recorded");
  assert.equal(await ledger.reopen({ ...hold, payloadDigest: null, who, why }), "reopened");
  assert.equal((await ledger.reopenings(hold.key)).length, 1);
  assert.equal(await ledger.lock("reexecute", who, leaseMs), true);
  assert.equal((await ledger.find(hold.key))?.state, "pending");
  const target = { worker: "w", queue: null };
  assert.equal((await ledger.quiet.ask({ ...target, who, why, forMs: null })).who, who);
  assert.equal((await ledger.quiet.requests()).length, 1);
  assert.deepEqual(await ledger.quiet.reports(), []);
  assert.equal(await ledger.quiet.lift(target, who), true);
  await assert.rejects(ledger.prune(Date.now(), 10), { code: "TQ_LEDGER", message: /: the role lacks a privilege$/ });
});

test("a database whose encoding cannot hold every text is refused by name", async (t) => {
  const { admin, target } = await databases.make(t);
  await admin.unsafe("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
  const schema = await schemaOf(t, { ...target, database: "latin" });
  await assert.rejects(schema.migrate(), {
    code: "TQ_LEDGER_SCHEMA",
    message: /: its encoding is LATIN1, which cannot hold every text$/,
  });
});

/** The SQL block of the page that grants this role something. */
function documentedGrants(role: string): string {
  const page = readFileSync(new URL("../../docs/ledger.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = ""]) => sql);
  const grants = blocks.find((sql) => sql.includes(`TO ${role};`));
  assert.ok(grants !== undefined, `docs/ledger.md grants ${role} nothing`);
  return grants;
}
