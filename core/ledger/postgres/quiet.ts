// Quiet requests and reports in Postgres. An empty text stands for `null` in a target, because a
// primary key holds no NULL.
import type { QuietRecords } from "../quiet-records.ts";
import { readQuietReport, readQuietRequest } from "../rows.ts";
import type { Run } from "./link.ts";
import { ms, NOW, span } from "./sql.ts";

const REQUEST_COLUMNS = `worker, queue, who, why, ${ms("asked_at")} AS "askedAtMs", ${ms("until_at")} AS "untilMs",
  lifted_by AS "liftedBy", ${ms("lifted_at")} AS "liftedAtMs"`;
const IN_FORCE = `lifted_at IS NULL AND (until_at IS NULL OR until_at > ${NOW})`;

/** Names of ECS tasks come and go: their requests are kept for a month. */
const ASK = `WITH forgotten AS (
  DELETE FROM taskiq_quiet_requests WHERE (worker, queue) <> ($1, $2)
    AND least(lifted_at, until_at) < ${NOW} - interval '30 days')
INSERT INTO taskiq_quiet_requests AS request (worker, queue, who, why, asked_at, until_at)
VALUES ($1, $2, $3, nullif($4::text, ''), ${NOW}, ${NOW} + ${span("nullif($5::float8, -1)")})
ON CONFLICT (worker, queue) DO UPDATE SET who = excluded.who, why = excluded.why, asked_at = excluded.asked_at,
  until_at = excluded.until_at, lifted_by = NULL, lifted_at = NULL
RETURNING ${REQUEST_COLUMNS}`;

const LIFT = `UPDATE taskiq_quiet_requests SET lifted_by = $3, lifted_at = ${NOW}
WHERE worker = $1 AND queue = $2 AND ${IN_FORCE} RETURNING 1`;

const REQUESTS = `SELECT ${REQUEST_COLUMNS} FROM taskiq_quiet_requests
WHERE ${IN_FORCE} OR lifted_at > ${NOW} - interval '10 minutes'
ORDER BY lifted_at IS NOT NULL, asked_at, worker, queue`;

const REPORT = `WITH asked AS MATERIALIZED (
  SELECT * FROM json_to_recordset($2::text::json) AS asked (queue text, busy integer, idle boolean)),
gone AS (
  DELETE FROM taskiq_quiet_workers WHERE worker = $1 AND queue NOT IN (SELECT queue FROM asked)
    OR worker <> $1 AND reported_at < ${NOW} - interval '1 day')
INSERT INTO taskiq_quiet_workers (worker, queue, busy, idle, reported_at)
SELECT $1, queue, busy, idle, ${NOW} FROM asked ORDER BY queue
ON CONFLICT (worker, queue) DO UPDATE SET busy = excluded.busy, idle = excluded.idle, reported_at = excluded.reported_at`;

const REPORTS = `SELECT worker, queue, busy, idle, ${ms(NOW)} - ${ms("reported_at")} AS "agoMs" FROM taskiq_quiet_workers
WHERE reported_at > ${NOW} - interval '1 minute' ORDER BY worker, queue`;

export function postgresQuiet(run: Run): QuietRecords {
  return {
    ask: async ({ worker, queue, who, why, forMs }) => {
      const [written] = await run(ASK, [worker ?? "", queue ?? "", who, why ?? "", forMs ?? -1]);
      return readQuietRequest(written ?? {});
    },
    lift: async ({ worker, queue }, who) => (await run(LIFT, [worker ?? "", queue ?? "", who])).length === 1,
    requests: async () => (await run(REQUESTS, [])).map(readQuietRequest),
    report: async (worker, queues) => void (await run(REPORT, [worker, JSON.stringify(queues)])),
    reports: async () => (await run(REPORTS, [])).map(readQuietReport),
  };
}
