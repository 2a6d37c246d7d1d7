// One Postgres ledger, several processes: what a fleet does to it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SCHEMA_VERSION } from "../../core/ledger/postgres/schema.ts";
import { claimed, requestFor } from "../contract/ledger-setup.ts";
import { eventually } from "../support/eventually.ts";
import { type Claimer, startClaimers, tellAll } from "../support/ledger/claiming-processes.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";

const databases = await ledgerDatabases();
const keys = Array.from({ length: 100 }, (_, i) => `run-1:step_${i}`);

function grants(claimers: readonly Claimer[]): readonly (readonly [string, number])[] {
  const all = claimers.flatMap(({ granted }) => granted.map(({ key, fence }) => [key, fence] as const));
  return all.sort(([a], [b]) => keys.indexOf(a) - keys.indexOf(b));
}

test("processes that find no tables make them once, and each row is granted to exactly one of them", async (t) => {
  const { target, admin } = await databases.make(t);
  const claimers = await startClaimers(t, 4);
  await tellAll(claimers, { do: "open", target });
  const versions = await admin`SELECT version FROM taskiq_ledger_schema ORDER BY version`;
  assert.deepEqual(
    versions.map((row) => row["version"]),
    Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1),
  );
  await tellAll(claimers, { do: "claim", keys });
  assert.deepEqual(
    grants(claimers),
    keys.map((key) => [key, 1]),
  );
});

test("each row is taken over by exactly one of several processes", async (t) => {
  const { target, admin, open } = await databases.make(t);
  const lost = await open();
  await Promise.all(keys.map((key) => claimed(lost, requestFor(key))));
  await admin`UPDATE taskiq_idempotency_records SET lease_expires_at = now() - interval '1 day'`;
  const claimers = await startClaimers(t, 4);
  await tellAll(claimers, { do: "open", target });
  await tellAll(claimers, { do: "claim", keys });
  assert.deepEqual(
    grants(claimers),
    keys.map((key) => [key, 2]),
  );
  const rows = await lost.list({ limit: 1_000 });
  assert.deepEqual(new Set(rows.map(({ fence, starts }) => `${fence} ${starts}`)), new Set(["2 2"]));
});

test("a claim granted to a killed process stays granted", async (t) => {
  const { target, open } = await databases.make(t);
  const claimers = await startClaimers(t, 3);
  await tellAll(claimers, { do: "open", target });
  for (const [i, claimer] of claimers.entries()) claimer.send({ do: "claim_on", prefix: `run-1:${i}_` });
  await eventually("every process was granted fifty rows", () => claimers.every(({ granted }) => granted.length > 50));
  await Promise.all(claimers.map((claimer) => claimer.kill()));
  const rows = new Map((await (await open()).list({ limit: 1_000_000 })).map((row) => [row.key, row]));
  const lost = claimers.flatMap(({ granted }) => granted).filter(({ key, fence }) => rows.get(key)?.fence !== fence);
  assert.deepEqual(lost, []);
});
