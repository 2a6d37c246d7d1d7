// `node bench/ledger.ts [--workers 50] [--slots 8] [--step 1000] [--seconds 10]`: how one ledger
// bears a fleet. Each worker has its own connections. It claims, permits and settles steps that
// take a while, beside one worker alone on the same server. Then all of them do so as fast as they
// can.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { systemClock } from "../core/clock.ts";
import type { Ledger } from "../core/ledger/port.ts";
import { openPostgresLedger } from "../core/ledger/postgres/postgres.ts";
import { openSqliteLedger } from "../core/ledger/sqlite/sqlite.ts";
import type { ExecutionResult } from "../core/step/step.ts";
import { startPostgres } from "../test/support/postgres/postgres-server.ts";

const number = (fallback: string) => ({ type: "string", default: fallback }) as const;
const { values } = parseArgs({
  options: { workers: number("50"), slots: number("8"), step: number("1000"), seconds: number("10") },
});
const [workers, slots, stepMs, seconds] = [values.workers, values.slots, values.step, values.seconds].map(Number) as [
  number,
  number,
  number,
  number,
];

const result: ExecutionResult = {
  state: "success",
  output: { outputs: ["result"], assets: [] },
  error: null,
  started_at: 1,
  completed_at: 2,
  execution_time_seconds: 1,
};

const server = await startPostgres();
const scratch = mkdtempSync(join(tmpdir(), "taskiq-bench-"));
const { hostname: host, port } = new URL(server.url);
const access = { host, port: Number(port), user: "postgres", password: "", database: "postgres" };
const target = { ...access, sslMode: "disable", caFile: null, passFile: null, pooler: false } as const;
const time = { clock: systemClock, chance: Math.random, writeBoundMs: 5_000 };
const onPostgres = () => openPostgresLedger({ ...time, target, answerMs: 5_000, applicationName: "taskiq bench" });
const onSqlite = () => openSqliteLedger({ ...time, path: join(scratch, "ledger.sqlite") });
const admin = postgres(server.url, { max: 1 });
try {
  await show("Postgres, one worker", onPostgres, 1, stepMs);
  await show(`Postgres, ${workers} workers`, onPostgres, workers, stepMs);
  await show(`Postgres, ${workers} workers, no steps`, onPostgres, workers, 0);
  await show("SQLite, one worker", onSqlite, 1, stepMs);
  await show("SQLite, one worker, no steps", onSqlite, 1, 0);
} finally {
  await admin.end();
  rmSync(scratch, { recursive: true });
  await server.stop();
}

async function show(title: string, open: () => Promise<Ledger>, count: number, stepsMs: number): Promise<void> {
  const ledgers = await Promise.all(Array.from({ length: count }, open));
  const before = await commits();
  const cpu = process.cpuUsage();
  const until = performance.now() + seconds * 1_000;
  const claims: number[] = [];
  const slot = (ledger: Ledger, name: string) => work(ledger, name, stepsMs, until, claims);
  await Promise.all(
    ledgers.flatMap((ledger, w) => Array.from({ length: slots }, (_, s) => slot(ledger, `${title}:${w}_${s}`))),
  );
  const { user, system } = process.cpuUsage(cpu);
  const transactions = (await commits()) - before;
  const [row] = await admin`SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'taskiq bench'`;
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  claims.sort((a, b) => a - b);
  const at = (share: number) => (claims[Math.floor(claims.length * share)] ?? Number.NaN).toFixed(1);
  const cells = [
    `${(claims.length / seconds).toFixed(0)} steps/s`,
    `claim ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    `${((user + system) / claims.length).toFixed(0)} µs CPU/step`,
    transactions > 10
      ? `${(transactions / claims.length).toFixed(2)} transactions/step, ${row?.["open"]} connections`
      : "",
  ];
  process.stdout.write(`${title.padEnd(34)}${cells.join("   ")}\n`);
}

async function work(ledger: Ledger, name: string, stepsMs: number, until: number, claims: number[]): Promise<void> {
  // Not all at once, as steps do not end all at once.
  await systemClock.sleep(stepsMs * Math.random());
  for (let i = 0; performance.now() < until; i += 1) {
    const key = `${name}_${i}`;
    const asked = performance.now();
    const claim = await ledger.claim({
      key,
      step: { runId: name, stepKey: String(i), attempt: 0 },
      owner: name,
      leaseMs: 60_000,
      messageId: "m",
      payloadDigest: "d",
      receivedAtMs: Date.now(),
    });
    claims.push(performance.now() - asked);
    if (claim.kind !== "granted") throw new Error(`${key} is ${claim.kind}`);
    const hold = { key, fence: claim.fence };
    await systemClock.sleep(stepsMs);
    await ledger.permit(hold, 60_000);
    await ledger.settle(hold, result);
  }
}

async function commits(): Promise<number> {
  const [row] = await admin`SELECT sum(xact_commit)::float8 AS commits FROM pg_stat_database`;
  return Number(row?.["commits"]);
}
