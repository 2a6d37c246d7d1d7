// The SQLite ledger's file: what stays in it, what is wrong with it, and what that is called.
import assert from "node:assert/strict";
import { mkdir, open as openFile, rm, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { Fault } from "../../core/faults.ts";
import { sqliteFault } from "../../core/ledger/sqlite/faults.ts";
import { claimed, outcome, request, requestFor } from "../contract/ledger-setup.ts";
import { ledgerFile } from "../support/ledger/ledger-file.ts";

function database(t: TestContext, path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  t.after(() => db.isOpen && db.close());
  return db;
}

test("a ledger opened again has its rows", async (t) => {
  const { open } = await ledgerFile(t);
  const first = await open();
  await first.settle(await claimed(first), outcome());
  await first.close();
  const claim = await (await open()).claim(request());
  assert.deepEqual(claim, { kind: "settled", state: "completed", outcome: outcome() });
});

test("the file is in WAL mode and records its schema version with the time", async (t) => {
  const { path, clock, open } = await ledgerFile(t);
  await open();
  const db = database(t, path);
  assert.equal(db.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
  const versions = db.prepare("SELECT version, applied_at FROM taskiq_ledger_schema").all();
  assert.deepEqual(
    versions.map((row) => ({ ...row })),
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((version) => ({ version, applied_at: clock.wallMs() })),
  );
});

test("a file of the first schema is brought up to date, its rows kept", async (t) => {
  const { path, open } = await ledgerFile(t);
  const old = await open();
  const hold = await claimed(old);
  await old.close();
  database(t, path).exec(
    `DROP INDEX taskiq_idempotency_records_pending; ALTER TABLE taskiq_idempotency_records DROP COLUMN body_bound;
     DROP TABLE taskiq_ledger_locks; DROP TABLE taskiq_replays; DROP TABLE taskiq_reopenings;
     DROP TABLE taskiq_quiet_requests; DROP TABLE taskiq_quiet_workers; DROP TABLE taskiq_cut_receives;
     DELETE FROM taskiq_ledger_schema WHERE version > 1; ALTER TABLE taskiq_ledger_schema DROP COLUMN serves_from;
     ALTER TABLE taskiq_ledger_schema DROP COLUMN burial_key`,
  );
  const ledger = await open();
  assert.match(await ledger.burialKey(), /^[0-9a-f]{64}$/);
  assert.equal(await ledger.lock("sweep", "worker-a", 1_000), true);
  assert.equal(await ledger.settle(hold, outcome()), "recorded");
});

test("a replay that was planned before schema 7 gets an id for its copy when it is planned again, and keeps it", async (t) => {
  const { path, open } = await ledgerFile(t);
  const old = await open();
  const plan = {
    letterId: "l",
    queueUrl: "u",
    subject: "run-1:load",
    act: "replay",
    who: "a",
    why: "b",
  } as const;
  await old.planReplay(plan, "none");
  await old.close();
  database(t, path).exec(
    `DROP TABLE taskiq_cut_receives; ALTER TABLE taskiq_replays DROP COLUMN deduplication_id; ALTER TABLE taskiq_ledger_schema DROP COLUMN burial_key;
     DELETE FROM taskiq_ledger_schema WHERE version >= 7`,
  );
  const ledger = await open();
  for (const id of ["id-1", "id-2"]) assert.equal((await ledger.planReplay(plan, id)).deduplicationId, "id-1");
});

test("the table refuses rows that no transition makes", async (t) => {
  const { path, open } = await ledgerFile(t);
  await claimed(await open());
  const db = database(t, path);
  for (const change of [
    "state = 'lost'",
    "fence = 0",
    "starts = -1",
    "state = 'failed'",
    "lease_expires_at = NULL",
    "outcome = '{'",
  ]) {
    assert.throws(() => db.exec(`UPDATE taskiq_idempotency_records SET ${change}`), /CHECK constraint failed/, change);
  }
});

test("a file in a missing directory is refused by name", async (t) => {
  const { directory, open } = await ledgerFile(t);
  await assert.rejects(open({ path: `${directory}/nowhere/ledger.db` }), {
    name: "Fault",
    code: "TQ_LEDGER",
    message: `ledger ${directory}/nowhere/ledger.db: directory ${directory}/nowhere does not exist`,
    hint: "Create the directory, or name a file in an existing one.",
  });
});

test("a directory in the file's place is refused by name", async (t) => {
  const { path, open } = await ledgerFile(t);
  await mkdir(path);
  await assert.rejects(open(), { code: "TQ_LEDGER", message: `ledger ${path}: the file cannot be opened` });
});

test("a ledger in memory is refused", async (t) => {
  const { open } = await ledgerFile(t);
  await assert.rejects(open({ path: ":memory:" }), {
    code: "TQ_LEDGER",
    message: "ledger :memory:: expected journal mode wal, got memory",
    hint: "Put the ledger in a file on a local disk.",
  });
});

test("a file of another kind is refused by name", async (t) => {
  const { path, open } = await ledgerFile(t);
  await writeFile(path, "something else, and long enough to have a header of its own ".repeat(20));
  await assert.rejects(open(), { code: "TQ_LEDGER", message: `ledger ${path}: the file is not a SQLite database` });
});

test("a file whose pages are overwritten is reported as damaged", async (t) => {
  const { path, open } = await ledgerFile(t);
  const ledger = await open();
  await claimed(ledger);
  await ledger.close();
  const file = await openFile(path, "r+");
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size - 4096, 0xff), 0, size - 4096, 4096);
  await file.close();
  await assert.rejects(open(), { code: "TQ_LEDGER", message: `ledger ${path}: the file is corrupt` });
});

test("a newer schema that no longer serves this version is refused", async (t) => {
  const { path, open } = await ledgerFile(t);
  await (await open()).close();
  const db = database(t, path);
  db.exec("INSERT INTO taskiq_ledger_schema (version, applied_at, serves_from) VALUES (10, 0, 10)");
  await assert.rejects(open(), {
    code: "TQ_LEDGER_SCHEMA",
    message: `ledger ${path}: schema 10 serves workers from schema 10 on; this version knows 9`,
    hint: "Run the version of taskiq that migrated it, or a later one.",
  });
});

test("a newer schema that only added goes on serving this version", async (t) => {
  const { path, open } = await ledgerFile(t);
  await (await open()).close();
  database(t, path).exec("INSERT INTO taskiq_ledger_schema (version, applied_at, serves_from) VALUES (10, 0, 1)");
  await claimed(await open());
});

test("a table of that name that is not ours stays as it is", async (t) => {
  const { path, open } = await ledgerFile(t);
  const db = database(t, path);
  db.exec("CREATE TABLE taskiq_idempotency_records (theirs TEXT)");
  await assert.rejects(open(), {
    code: "TQ_LEDGER_SCHEMA",
    message: `ledger ${path}: table taskiq_idempotency_records exists, but no schema version is recorded`,
    hint: "Name another file, or drop that table if nothing else uses it.",
  });
  const tables = db.prepare("SELECT sql FROM sqlite_schema").all();
  assert.deepEqual(
    tables.map((row) => row["sql"]),
    ["CREATE TABLE taskiq_idempotency_records (theirs TEXT)"],
  );
});

test("a file that another process keeps locked is a Fault for now, and does no harm afterwards", async (t) => {
  const { path, open } = await ledgerFile(t);
  const ledger = await open({ busyTimeoutMs: 10 });
  const hold = await claimed(ledger);
  const other = database(t, path);
  other.exec("BEGIN IMMEDIATE");
  const locked = { code: "TQ_LEDGER", message: `ledger ${path}: another process kept it locked` };
  await assert.rejects(ledger.claim(requestFor("run-1:other")), locked);
  await assert.rejects(ledger.renew([hold], 1_000), locked);
  await assert.rejects(ledger.permit(hold, 1_000), locked);
  await assert.rejects(ledger.settle(hold, outcome()), locked);
  await assert.rejects(ledger.abandon(hold, { giveStartBack: false }), locked);
  assert.equal((await ledger.find(hold.key))?.state, "running");
  other.exec("ROLLBACK");
  assert.equal((await claimed(ledger, requestFor("run-1:other"))).fence, 1);
  assert.equal(await ledger.settle(hold, outcome()), "recorded");
});

test("a file that was deleted while in use is reported as deleted", async (t) => {
  const { path, open } = await ledgerFile(t);
  const ledger = await open();
  await ledger.ping();
  await rm(path);
  const gone = {
    code: "TQ_LEDGER",
    message: `ledger ${path}: the file was deleted or replaced while in use`,
    hint: "Restart the workers that use it.",
  };
  await assert.rejects(ledger.ping(), gone);
  await writeFile(path, "");
  await assert.rejects(ledger.ping(), gone);
});

const broken: readonly (readonly [string, (path: string) => void])[] = [
  ["it cannot be written", (path) => new DatabaseSync(path, { readOnly: true }).exec("CREATE TABLE t (x)")],
  ["the disk is full", (path) => new DatabaseSync(path).exec("PRAGMA max_page_count = 1; CREATE TABLE t (x)")],
];

for (const [what, breakIt] of broken) {
  test(`SQLite's own error becomes a fault: ${what}`, async (t) => {
    const { path, open } = await ledgerFile(t);
    await open();
    const fault = sqliteFault(
      path,
      errorOf(() => breakIt(path)),
    );
    assert.ok(fault instanceof Fault);
    assert.deepEqual([fault.code, fault.message], ["TQ_LEDGER", `ledger ${path}: ${what}`]);
  });
}

test("SQLite's own error is known by its text where the runtime leaves out its code, as Deno does", () => {
  const says = (message: string) => sqliteFault("f", Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR" }));
  for (const [message, what] of [
    ["database is locked", "another process kept it locked"],
    ["database table is locked: t", "another connection kept a table locked"],
    ["unable to open database file: f", "the file cannot be opened"],
    ["database or disk is full", "the disk is full"],
  ] as const) {
    assert.equal((says(message) as Error).message, `ledger f: ${what}`);
  }
  assert.equal(says("UNIQUE constraint failed: t.x") instanceof Fault, false);
});

test("an error that stands for a bug stays what it is, and a refused value is a fault of its row", async (t) => {
  const { path, open } = await ledgerFile(t);
  await open();
  const error = errorOf(() => database(t, path).exec("SELECT * FROM nowhere"));
  assert.equal(sqliteFault(path, error), error);
  const refused = (await open()).claim(request({ leaseMs: 0.5 }));
  await assert.rejects(
    refused,
    { code: "TQ_LEDGER_REFUSED" },
    "a value that a column does not take is its row's fault",
  );
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}
