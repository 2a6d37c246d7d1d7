// Cut receives in Postgres. The table is nearly always empty.
import { type CutReceives, REPEATABLE_MS } from "../cut-receives.ts";
import { readCutReceive } from "../rows.ts";
import type { Run } from "./link.ts";
import { NOW, span } from "./sql.ts";

const LEAVE = `INSERT INTO taskiq_cut_receives (attempt_id, queue_url, messages, ends_at)
SELECT "attemptId", "queueUrl", max, ${NOW} + ${span('"leftMs"')}
FROM json_to_recordset($1::text::json) AS cut ("attemptId" text, "queueUrl" text, max integer, "leftMs" float8)
ON CONFLICT (attempt_id) DO NOTHING`;

const IS_OVER = `ends_at <= ${NOW} - ${span(`${REPEATABLE_MS}`)}`;
const TAKE = `WITH over AS (DELETE FROM taskiq_cut_receives WHERE ${IS_OVER})
UPDATE taskiq_cut_receives SET taken_until = ${NOW} + ${span("$2::float8")}
WHERE queue_url IN (SELECT json_array_elements_text($1::text::json)) AND ends_at <= ${NOW} AND NOT ${IS_OVER}
  AND (taken_until IS NULL OR taken_until <= ${NOW})
RETURNING attempt_id AS "attemptId", queue_url AS "queueUrl", messages AS max`;

const FORGET = "DELETE FROM taskiq_cut_receives WHERE attempt_id IN (SELECT json_array_elements_text($1::text::json))";

export function postgresCutReceives(run: Run): CutReceives {
  return {
    leave: async (receives) => void (await run(LEAVE, [JSON.stringify(receives)])),
    take: async (queueUrls, forMs) => (await run(TAKE, [JSON.stringify(queueUrls), forMs])).map(readCutReceive),
    forget: async (attemptIds) => void (await run(FORGET, [JSON.stringify(attemptIds)])),
  };
}
