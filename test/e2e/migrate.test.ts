// `taskiq migrate`, from the bundle, on both ledgers: what it prints, does, and exits with. It
// never prints a password.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { runTaskiq as taskiq } from "../support/taskiq/run-taskiq.ts";

const databases = await ledgerDatabases();

async function urlOfDatabase(t: TestContext) {
  const { target, admin } = await databases.make(t);
  const name = `postgres://${target.host}:${target.port}/${target.database}`;
  return { url: name.replace("//", `//${target.user}:hush-hush@`), name, admin };
}

async function urlOfFile(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-migrate-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "ledger.sqlite");
  return { url: `sqlite:${path}`, name: path, isThere: () => existsSync(path) };
}

for (const [kind, make] of [
  ["a database", urlOfDatabase],
  ["a file", urlOfFile],
] as const) {
  test(`${kind}: --check fails before migrate has migrated, and passes afterwards`, async (t) => {
    const { url, name } = await make(t);
    const env = { TASKIQ_LEDGER_URL: url };
    const left =
      "1 (records), 2 (locks), 3 (replays), 4 (bodies), 5 (pending), 6 (quiet), 7 (deduplication), 8 (burial_key), 9 (cut_receives)";
    const say = (what: string) => `taskiq migrate: ${name}: ${what}\n`;
    assert.deepEqual(await taskiq(["migrate", "--check"], env), {
      code: 1,
      stdout: "",
      stderr: say(`not up to date; left to be done: ${left}`),
    });
    assert.deepEqual(await taskiq(["migrate"], env), { code: 0, stdout: "", stderr: say(`applied ${left}`) });
    assert.deepEqual(await taskiq(["migrate"], env), { code: 0, stdout: "", stderr: say("up to date") });
    assert.deepEqual(await taskiq(["migrate", "--check"], env), { code: 0, stdout: "", stderr: say("up to date") });
    const pending = { ledger: name, pending: [] };
    assert.deepEqual(JSON.parse((await taskiq(["migrate", "--check", "--json"], env)).stdout), pending);
  });
}

test("--dry-run prints SQL that makes the tables, and makes nothing itself", async (t) => {
  const { url, admin } = await urlOfDatabase(t);
  const { code, stdout } = await taskiq(["migrate", "--dry-run"], { TASKIQ_LEDGER_URL: url });
  assert.equal(code, 0);
  assert.equal((await taskiq(["migrate", "--check"], { TASKIQ_LEDGER_URL: url })).code, 1);
  await admin.unsafe(stdout);
  assert.equal((await taskiq(["migrate", "--check"], { TASKIQ_LEDGER_URL: url })).code, 0);
});

test("--dry-run and --check make no file", async (t) => {
  const { url, isThere } = await urlOfFile(t);
  const { stdout } = await taskiq(["migrate", "--dry-run", `--ledger-url=${url}`]);
  assert.match(stdout, /^-- 1: records\nCREATE TABLE taskiq_idempotency_records/);
  await taskiq(["migrate", "--check", `--ledger-url=${url}`]);
  assert.equal(isThere(), false);
});

test("a database that cannot be reached is exit code 3, and neither user nor password is printed", async () => {
  // No program gets port 1 from the system, as it might get one that was free a moment ago.
  const url = "postgres://someone:hush-hush@127.0.0.1:1/d";
  const { code, stderr } = await taskiq(["migrate", "--ledger-url", url]);
  assert.equal(code, 3);
  assert.match(stderr, /^taskiq migrate: ledger postgres:\/\/127\.0\.0\.1:1\/d: it cannot be reached: /);
  assert.doesNotMatch(stderr, /hush|someone/);
});

test("--print-config shows where the ledger is, and no password", async () => {
  const password = { POSTGRES_PASSWORD: "hush-hush" };
  const whole = { TASKIQ_LEDGER_URL: "postgres://u:hush-hush@db/d", ...password };
  const urlAlone = await taskiq(["migrate", "--print-config"], whole);
  assert.match(urlAlone.stdout, /^--ledger-url +postgres:\/\/\*\*\*@db\/d +\(from TASKIQ_LEDGER_URL\)$/m);
  assert.match(urlAlone.stdout, /^POSTGRES_PASSWORD +- +\(not set\)$/m, "a whole URL needs no other variable");
  const parts = await taskiq(["migrate", "--print-config"], { POSTGRES_HOST: "db", POSTGRES_USER: "u", ...password });
  assert.match(parts.stdout, /^POSTGRES_PASSWORD +\*\*\* +\(from POSTGRES_PASSWORD\)$/m);
  for (const { code, stdout } of [urlAlone, parts]) {
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /hush/);
  }
});

test("wrong usage is exit code 2", async () => {
  const { code, stderr } = await taskiq(["migrate", "--check", "--dry-run"]);
  assert.deepEqual(
    [code, stderr.split("\n").slice(1, 3)],
    [
      2,
      [
        "  --ledger-url, --postgres-host or --dagster-home is required: nothing says where the ledger is",
        "  only one of these can be given: --dry-run, --check",
      ],
    ],
  );
});
