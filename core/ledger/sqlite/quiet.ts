// Quiet requests and reports in SQLite. An empty text stands for `null` in a target, because NULLs
// of a primary key are never equal.
import type { QuietRecords } from "../quiet-records.ts";
import { readQuietReport, readQuietRequest } from "../rows.ts";
import type { SqliteRecordPorts } from "./transaction.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const REQUEST_COLUMNS = `worker, queue, who, why, asked_at AS askedAtMs, until_at AS untilMs, lifted_by AS liftedBy,
  lifted_at AS liftedAtMs`;
const IN_FORCE = "lifted_at IS NULL AND (until_at IS NULL OR until_at > :now)";

const sql = {
  forget:
    "DELETE FROM taskiq_quiet_requests WHERE min(coalesce(lifted_at, until_at), coalesce(until_at, lifted_at)) < ?",
  ask: `INSERT INTO taskiq_quiet_requests (worker, queue, who, why, asked_at, until_at)
    VALUES (:worker, :queue, :who, :why, :now, :until)
    ON CONFLICT (worker, queue) DO UPDATE SET who = excluded.who, why = excluded.why, asked_at = excluded.asked_at,
      until_at = excluded.until_at, lifted_by = NULL, lifted_at = NULL
    RETURNING ${REQUEST_COLUMNS}`,
  lift: `UPDATE taskiq_quiet_requests SET lifted_by = :who, lifted_at = :now
    WHERE worker = :worker AND queue = :queue AND ${IN_FORCE}`,
  requests: `SELECT ${REQUEST_COLUMNS} FROM taskiq_quiet_requests WHERE ${IN_FORCE} OR lifted_at > :now - ${10 * MINUTE_MS}
    ORDER BY lifted_at IS NOT NULL, asked_at, worker, queue`,
  clear: `DELETE FROM taskiq_quiet_workers WHERE worker = :worker OR reported_at < :now - ${DAY_MS}`,
  report: `INSERT INTO taskiq_quiet_workers (worker, queue, busy, idle, reported_at) VALUES (:worker, :queue, :busy, :idle, :now)`,
  reports: `SELECT worker, queue, busy, idle, :now - reported_at AS agoMs FROM taskiq_quiet_workers
    WHERE reported_at > :now - ${MINUTE_MS} ORDER BY worker, queue`,
} as const;

export function sqliteQuiet({ db, nowMs, write, read }: SqliteRecordPorts): QuietRecords {
  // Prepared when it is used: most workers are never asked to be quiet.
  const on = (statement: keyof typeof sql) => {
    const prepared = db.prepare(sql[statement]);
    prepared.setReadBigInts(true);
    return prepared;
  };
  return {
    ask: ({ worker, queue, who, why, forMs }) =>
      write(() => {
        const now = nowMs();
        on("forget").run(now - 30 * DAY_MS);
        const until = forMs === null ? null : now + forMs;
        return readQuietRequest(
          on("ask").get({ worker: worker ?? "", queue: queue ?? "", who, why, now, until }) ?? {},
        );
      }),
    lift: ({ worker, queue }, who) =>
      write(
        () => Number(on("lift").run({ worker: worker ?? "", queue: queue ?? "", who, now: nowMs() }).changes) === 1,
      ),
    requests: async () => read(() => on("requests").all({ now: nowMs() }).map(readQuietRequest)),
    report: (worker, queues) =>
      write(() => {
        const now = nowMs();
        on("clear").run({ worker, now });
        for (const { queue, busy, idle } of queues) on("report").run({ worker, queue, busy, idle: Number(idle), now });
      }),
    reports: async () => read(() => on("reports").all({ now: nowMs() }).map(readQuietReport)),
  };
}
