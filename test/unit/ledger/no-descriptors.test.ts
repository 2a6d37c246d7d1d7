// The Postgres ledger in a process that may open nothing more. Such a failure passes, so it must be
// a Fault: any other error stops the worker as a bug.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const script = `
  import { closeSync, openSync, writeSync } from "node:fs";
  const { PostgresPool } = await import(${JSON.stringify(import.meta.resolve("../../../core/ledger/postgres/pool.ts"))});
  const { systemClock: clock } = await import(${JSON.stringify(import.meta.resolve("../../../core/clock.ts"))});
  const nowhere = { name: "pg", host: "127.0.0.1", port: 1, sslMode: "disable", ca: null, passFile: null };
  const user = { user: "u", password: "p", database: "d", applicationName: "a", pooler: false };
  const pool = new PostgresPool({ ...nowhere, ...user, statementMs: 100, answerMs: 100, clock, chance: () => 0.5 });
  const ask = () => pool.ask((link, signal) => link.run("SELECT 1", [], signal)).catch((error) => error);
  await ask();
  const taken = [];
  try { for (;;) taken.push(openSync("/dev/null")); } catch {}
  const { name, code, message, cause } = await ask();
  for (const one of taken) closeSync(one);
  writeSync(1, JSON.stringify([name, code, message, cause?.message]));
`;

describe("a process without a file descriptor left", () => {
  test("a process without a file descriptor left gets a fault of the ledger that names the system call", async () => {
    const limited = ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath, "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)("bash", limited);
    const message = "ledger pg: this machine cannot reach it";
    assert.deepEqual(JSON.parse(stdout), [
      "Fault",
      "TQ_LEDGER",
      message,
      "connect EMFILE 127.0.0.1:1 - Local (undefined:undefined)",
    ]);
  });
});
