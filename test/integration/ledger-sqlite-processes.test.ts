// One SQLite ledger, several processes: what a machine with more than one worker does to it.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { claimed, requestFor } from "../contract/ledger-setup.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { eventually } from "../support/eventually.ts";
import { type Claimer, startClaimers, tellAll } from "../support/ledger/claiming-processes.ts";
import { ledgerFile } from "../support/ledger/ledger-file.ts";

const keys = Array.from({ length: 200 }, (_, i) => `run-1:step_${i}`);

function grants(claimers: readonly Claimer[]): readonly (readonly [string, number])[] {
  const all = claimers.flatMap(({ granted }) => granted.map(({ key, fence }) => [key, fence] as const));
  return all.sort(([a], [b]) => keys.indexOf(a) - keys.indexOf(b));
}

test("a new file opened by many processes at once is created once, and serves all of them", async (t) => {
  const { directory } = await ledgerFile(t);
  const claimers = await startClaimers(t, 6);
  for (let round = 0; round < 10; round++) {
    const path = `${directory}/round-${round}.db`;
    for (const claimer of claimers) claimer.heard.length = 0;
    await tellAll(claimers, { do: "open", path });
    const db = new DatabaseSync(path);
    t.after(() => db.close());
    const migrations = db.prepare("SELECT version FROM taskiq_ledger_schema").all();
    assert.deepEqual(
      migrations.map((row) => row["version"]),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  }
});

test("each row is granted to exactly one of several processes", async (t) => {
  const { path } = await ledgerFile(t);
  const claimers = await startClaimers(t, 4);
  await tellAll(claimers, { do: "open", path });
  await tellAll(claimers, { do: "claim", keys });
  assert.deepEqual(
    grants(claimers),
    keys.map((key) => [key, 1]),
  );
});

test("each row is taken over by exactly one of several processes", async (t) => {
  const { path, open } = await ledgerFile(t);
  const yesterday = new ManualClock(Date.now() - 86_400_000);
  const lost = await open({ clock: yesterday });
  for (const key of keys) await claimed(lost, requestFor(key));
  const claimers = await startClaimers(t, 4);
  await tellAll(claimers, { do: "open", path });
  await tellAll(claimers, { do: "claim", keys });
  assert.deepEqual(
    grants(claimers),
    keys.map((key) => [key, 2]),
  );
  const rows = await lost.list({ limit: 1_000 });
  assert.deepEqual(new Set(rows.map(({ fence, starts }) => `${fence} ${starts}`)), new Set(["2 2"]));
});

test("a claim granted to a killed process stays granted, and the file stays whole", async (t) => {
  const { path, open } = await ledgerFile(t);
  const claimers = await startClaimers(t, 3);
  await tellAll(claimers, { do: "open", path });
  for (const [i, claimer] of claimers.entries()) claimer.send({ do: "claim_on", prefix: `run-1:${i}_` });
  await eventually("every process was granted a hundred rows", () =>
    claimers.every(({ granted }) => granted.length > 100),
  );
  await Promise.all(claimers.map((claimer) => claimer.kill()));
  const ledger = await open();
  const rows = new Map((await ledger.list({ limit: 1_000_000 })).map((row) => [row.key, row]));
  const lost = claimers.flatMap(({ granted }) => granted).filter(({ key, fence }) => rows.get(key)?.fence !== fence);
  assert.deepEqual(lost, []);
  const db = new DatabaseSync(path);
  t.after(() => db.close());
  assert.equal(db.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
});
