// The Postgres ledger on a machine that is late: a pause between two attempts outlasts the time
// that a question has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../../../core/clock.ts";
import { PostgresPool } from "../../../core/ledger/postgres/pool.ts";

test("a question whose last pause ends late fails by what the attempt before it met", async () => {
  let lateMs = 0;
  const clock: Clock = {
    ...systemClock,
    monoMs: () => systemClock.monoMs() + lateMs,
    sleep: async () => {
      lateMs += 60_000;
    },
  };
  const nowhere = { name: "pg", host: "127.0.0.1", port: 1, sslMode: "disable", ca: null, passFile: null } as const;
  const user = { user: "u", password: "p", database: "d", applicationName: "a", pooler: false } as const;
  const pool = new PostgresPool({ ...nowhere, ...user, statementMs: 100, answerMs: 5_000, clock, chance: () => 0.5 });
  await assert.rejects(
    pool.ask((link, signal) => link.run("SELECT 1", [], signal)),
    { code: "TQ_LEDGER", message: /^ledger pg: it cannot be reached/ },
  );
});
