// Rows that an operator changed by hand, or that a later version wrote, in a real file and a real
// database. The ledger reports them as damaged, and only to the calls that ask for them.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, type TestContext, test } from "node:test";
import { Fault } from "../../core/faults.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import { claimed, leaseMs, outcome, request, requestFor } from "../contract/ledger-setup.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { ledgerFile } from "../support/ledger/ledger-file.ts";

interface Damageable {
  readonly ledger: Ledger;
  /** Writes `column = value`, an SQL expression, into one row, whatever the table's checks say. */
  readonly damage: (key: string, column: string, value: string) => Promise<void>;
}

const databases = await ledgerDatabases();

async function sqlite(t: TestContext): Promise<Damageable> {
  const file = await ledgerFile(t);
  const ledger = await file.open();
  const damage = async (key: string, column: string, value: string) => {
    const db = new DatabaseSync(file.path);
    db.exec(`PRAGMA ignore_check_constraints = ON; UPDATE taskiq_idempotency_records SET ${column} = ${value}
      WHERE idempotency_key = '${key}'`);
    db.close();
  };
  return { ledger, damage };
}

async function postgres(t: TestContext): Promise<Damageable> {
  const database = await databases.make(t);
  const ledger = await database.open();
  const checks = await database.admin`SELECT conname FROM pg_constraint
    WHERE conrelid = 'taskiq_idempotency_records'::regclass AND contype = 'c'`;
  for (const { conname } of checks) {
    await database.admin.unsafe(`ALTER TABLE taskiq_idempotency_records DROP CONSTRAINT ${conname}`);
  }
  const damage = async (key: string, column: string, value: string) => {
    await database.admin.unsafe(
      `UPDATE taskiq_idempotency_records SET ${column} = ${value} WHERE idempotency_key = '${key}'`,
    );
  };
  return { ledger, damage };
}

const secret = "hunter2".repeat(1_000);
const result = (changes: object) => `'${JSON.stringify({ ...outcome(), ...changes })}'`;

/** Of a settled row: what is written into which column, and what is to be read of it. */
const damages: readonly (readonly [column: string, value: string, says: RegExp])[] = [
  ["outcome", `'{}'`, /column outcome\.state: .*but received undefined/],
  ["outcome", `'7'`, /column outcome: .*Object.*but received 7/],
  ["outcome", result({ state: "postponed" }), /column outcome\.state: .*but received "postponed"/],
  ["outcome", result({ state: "x".repeat(9_000) }), /column outcome\.state: .{0,300}…/],
  ["outcome", result({ error: { class: "E", message: secret } }), /column outcome\.error\.traceback: /],
  ["outcome", result({ output: { outputs: [7], assets: [] } }), /column outcome\.output\.outputs\.0: .*but received 7/],
  ["outcome", result({ completed_at: null }), /column outcome\.completed_at: .*but received null/],
  ["outcome", "NULL", /column outcome: .*but received null/],
  ["state", "'done'", /column state: .*but received "done"/],
];

for (const [name, make] of [
  ["sqlite", sqlite],
  ["postgres", postgres],
] as const) {
  describe(`a damaged row of ${name}`, () => {
    for (const [column, value, says] of damages) {
      test(`a row of ${name} whose ${column} is ${value.slice(0, 50)} is reported as damage`, async (t) => {
        const { ledger, damage } = await make(t);
        const { key } = request();
        await ledger.settle(await claimed(ledger), outcome());
        await damage(key, column, value);
        for (const ask of [() => ledger.find(key), () => ledger.claim(request()), () => ledger.list({ limit: 10 })]) {
          await assert.rejects(ask, (error) => {
            assert.ok(error instanceof Fault, String(error));
            assert.equal(error.code, "TQ_LEDGER_ROW");
            assert.match(error.message, /table taskiq_idempotency_records, row "run-1:load", /);
            assert.match(error.message, says);
            assert.ok(error.message.length < 600, error.message);
            assert.doesNotMatch(error.message, /hunter2/);
            assert.ok(error.hint);
            return true;
          });
        }
      });
    }

    test("a damaged row costs the rows that are claimed with it nothing", async (t) => {
      const { ledger, damage } = await make(t);
      await ledger.settle(await claimed(ledger), outcome());
      await damage(request().key, "outcome", `'{}'`);
      const [damaged, one, other] = await Promise.allSettled([
        ledger.claim(request()),
        ledger.claim(requestFor("run-1:one")),
        ledger.claim(requestFor("run-1:other")),
      ]);
      assert.equal(damaged.status, "rejected");
      for (const asked of [one, other]) {
        assert.deepEqual(
          asked.status === "fulfilled" && [asked.value.kind, "starts" in asked.value && asked.value.starts],
          ["granted", 1],
        );
      }
    });

    test("a fence that no number can hold is reported as damage", async (t) => {
      const { ledger, damage } = await make(t);
      const { key } = await claimed(ledger);
      await damage(key, "fence", "1152921504606846976");
      await assert.rejects(ledger.find(key), { code: "TQ_LEDGER_ROW", message: /column fence: / });
    });

    test("a lease without an end is reported as damage", async (t) => {
      const { ledger, damage } = await make(t);
      const { key } = await claimed(ledger, request({ leaseMs }));
      await damage(key, "lease_expires_at", name === "sqlite" ? "9223372036854775807" : "'infinity'");
      await assert.rejects(ledger.find(key), { code: "TQ_LEDGER_ROW", message: /column lease_expires_at: / });
      await assert.rejects(ledger.claim(request()), { code: "TQ_LEDGER_ROW", message: /lease_expires_at/ });
    });
  });
}
