// Which variables stay the worker's own, and how their values leave the environment that the kernel
// shows.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { LedgerChoice } from "../../../../cli/options/ledger-options.ts";
import { ownVariables } from "../../../../cli/options/own-variables.ts";

const env = {
  TASKIQ_LEDGER_URL: "postgres://user:hunter2@db/ledger",
  TASKIQ_DAGSTER_HEADERS: "Token: abc",
  TASKIQ_QUEUE_URL: "http://127.0.0.1/steps",
  POSTGRES_PASSWORD: "hunter2",
  POSTGRES_USER: "user",
  DAGSTER_POSTGRES_PASSWORD: "hunter2",
  AWS_SECRET_ACCESS_KEY: "key",
};
const opened: LedgerChoice = {
  kind: "postgres",
  host: "db",
  port: 5432,
  user: "user",
  password: "hunter2",
  database: "ledger",
  sslMode: "prefer",
  caFile: null,
  passFile: null,
  pooler: false,
};

function home(t: TestContext, config: string): string {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-own-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "dagster.yaml"), config);
  return folder;
}

describe("taskiq's own variables", () => {
  test("the worker's own variables are its secrets, with the password that opened the ledger", (t) => {
    const own = ownVariables(env, opened, home(t, "telemetry: {enabled: false}\n"));
    assert.deepEqual(own.toSorted(), ["POSTGRES_PASSWORD", "TASKIQ_DAGSTER_HEADERS", "TASKIQ_LEDGER_URL"]);
  });

  test("the worker's own variables leave out a password that opened no ledger", () => {
    const own = ["TASKIQ_DAGSTER_HEADERS", "TASKIQ_LEDGER_URL"];
    const file: LedgerChoice = { kind: "sqlite", path: "/ledger" };
    for (const ledger of [file, null, { ...opened, password: "another" }])
      assert.deepEqual(ownVariables(env, ledger, "/nowhere").toSorted(), own);
  });

  test("the worker's own variables leave out those that Dagster's configuration names", (t) => {
    const config = "storage: {postgres: {postgres_db: {password: {env: POSTGRES_PASSWORD}}}}\n";
    const own = ["TASKIQ_DAGSTER_HEADERS", "TASKIQ_LEDGER_URL"];
    assert.deepEqual(ownVariables(env, opened, home(t, config)).toSorted(), own);
    const other = home(t, config.replace("POSTGRES_PASSWORD", "DAGSTER_POSTGRES_PASSWORD"));
    assert.ok(ownVariables(env, opened, other).includes("POSTGRES_PASSWORD"));
  });
});

test("forgotten values leave the environment that the kernel shows, and the others stay", () => {
  const module = JSON.stringify(new URL("../../../../cli/forget-variables.ts", import.meta.url).href);
  const program = `
    import { readFileSync } from "node:fs";
    import { forgetVariables } from ${module};
    const done = forgetVariables(["SECRET", "EMPTY", "MISSING"]);
    console.log(JSON.stringify({ done, shown: readFileSync("/proc/self/environ", "utf8").split("\\0") }));`;
  const given = { FIRST: "one", NOT_SECRET: "two", SECRET: "hunter2", EMPTY: "", LAST: "three" };
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: given,
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  const { done, shown } = JSON.parse(stdout) as { readonly done: boolean; readonly shown: readonly string[] };
  assert.equal(done, true);
  assert.deepEqual(shown.slice(0, 5), ["FIRST=one", "NOT_SECRET=two", "SECRET=       ", "EMPTY=", "LAST=three"]);
});
