// The Postgres ledger with a million rows: every statement that a worker asks all day finds its
// rows by an index.
import assert from "node:assert/strict";
import { test } from "node:test";
import { statements } from "../../core/ledger/postgres/sql.ts";
import { claimed, outcome, requestFor } from "../contract/ledger-setup.ts";
import { type LedgerDatabase, ledgerDatabases } from "../support/ledger/ledger-database.ts";

const databases = await ledgerDatabases({
  maintenance_work_mem: "256MB",
  wal_level: "minimal",
  max_wal_senders: "0",
  autovacuum: "off",
});
const rows = 1_000_000;

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Plan[];
}

/**
 * The nodes of the plan that read the table, as the server would run the prepared statement for any
 * parameters.
 */
async function readsOf({ admin }: LedgerDatabase, text: string): Promise<readonly string[]> {
  const parameters = [...new Set(text.match(/\$\d/g))].length;
  return admin.begin(async (sql) => {
    await sql.unsafe("SET LOCAL plan_cache_mode = force_generic_plan");
    await sql.unsafe(`PREPARE asked AS ${text}`);
    const nothing = Array.from({ length: parameters }, () => "NULL").join(", ");
    const [answer] = await sql.unsafe(`EXPLAIN (FORMAT JSON) EXECUTE asked(${nothing})`.replace("()", ""));
    await sql.unsafe("DEALLOCATE asked");
    const [explained] = (answer?.["QUERY PLAN"] ?? []) as readonly { readonly Plan: Plan }[];
    assert.ok(explained !== undefined);
    return nodes(explained.Plan)
      .filter((node) => node["Relation Name"] === "taskiq_idempotency_records" && node["Node Type"] !== "ModifyTable")
      .map((node) => node["Node Type"]);
  }) as Promise<readonly string[]>;
}

function nodes(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
}

test("the ledger's statements read a million rows by their indexes", async (t) => {
  const database = await databases.make(t);
  const ledger = await database.open();
  await fill(database);
  for (const [name, text] of Object.entries(statements)) {
    if (!text.includes("taskiq_idempotency_records")) continue;
    await t.test(`${name} reads by an index`, async () => {
      const reads = await readsOf(database, text);
      assert.ok(reads.length > 0, "it reads no table");
      const slow = reads.filter((node) => !/^(?:Index (?:Only )?Scan|Bitmap (?:Heap|Index) Scan)$/.test(node));
      assert.deepEqual(slow, [], `${name}: ${reads}`);
    });
  }
  await t.test("the ledger answers claims, an end, a run's rows and pruning", async () => {
    assert.equal(await ledger.settle(await claimed(ledger, requestFor("run-new:step")), outcome()), "recorded");
    assert.equal((await ledger.claim(requestFor("run-20:step_1000"))).kind, "granted");
    assert.equal((await ledger.claim(requestFor("run-20:step_1001"))).kind, "settled");
    assert.equal((await ledger.list({ runId: "run-20", limit: 100 })).length, 50);
    assert.equal(await ledger.prune(Date.now() - 1_000_000, 500), 500);
  });
});

/**
 * Most are settled, a few are not, as in a ledger that is used. Makes the indexes again
 * afterwards, which is faster.
 */
async function fill({ admin }: LedgerDatabase): Promise<void> {
  const indexes = await admin`SELECT indexdef FROM pg_indexes WHERE tablename = 'taskiq_idempotency_records'
    AND schemaname = current_schema AND indexdef NOT LIKE '%UNIQUE%'`;
  for (const name of ["by_run", "by_state", "settled", "pending"]) {
    await admin.unsafe(`DROP INDEX taskiq_idempotency_records_${name}`);
  }
  await admin`ALTER TABLE taskiq_idempotency_records DROP CONSTRAINT taskiq_idempotency_records_pkey`;
  await admin.unsafe(`
    INSERT INTO taskiq_idempotency_records (idempotency_key, run_id, step_key, attempt, state, fence, owner, lease_expires_at,
      starts, outcome, payload_digest, message_id, received_at, updated_at, settled_at, claim_token)
    SELECT 'run-' || i / 50 || ':step_' || i, 'run-' || i / 50, 'step_' || i, 0,
      CASE WHEN open THEN 'running' ELSE 'completed' END, 1, 'w', CASE WHEN open THEN now() END,
      1, CASE WHEN NOT open THEN '${JSON.stringify(outcome())}'::json END, '', '', now(), now(),
      CASE WHEN NOT open THEN now() - i * interval '1 second' END, '00000000-0000-0000-0000-000000000000'
    FROM (SELECT i, i % 1000 = 0 AS open FROM generate_series(1, ${rows}) AS i) AS made`);
  await admin`ALTER TABLE taskiq_idempotency_records ADD PRIMARY KEY (idempotency_key)`;
  for (const { indexdef } of indexes) await admin.unsafe(indexdef);
  await admin`ANALYZE taskiq_idempotency_records`;
}
