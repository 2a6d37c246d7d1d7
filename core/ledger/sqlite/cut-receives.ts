// Cut receives in SQLite. The table is nearly always empty, so a look at it writes nothing.
import { type CutReceives, REPEATABLE_MS } from "../cut-receives.ts";
import { readCutReceive } from "../rows.ts";
import type { SqliteRecordPorts } from "./transaction.ts";

const sql = {
  leave: `INSERT INTO taskiq_cut_receives (attempt_id, queue_url, messages, ends_at)
    VALUES (:attemptId, :queueUrl, :max, :endsAt) ON CONFLICT (attempt_id) DO NOTHING`,
  any: "SELECT 1 FROM taskiq_cut_receives WHERE ends_at <= :now LIMIT 1",
  expire: `DELETE FROM taskiq_cut_receives WHERE ends_at <= :now - ${REPEATABLE_MS}`,
  take: `UPDATE taskiq_cut_receives SET taken_until = :takenUntil
    WHERE queue_url IN (SELECT value FROM json_each(:queueUrls)) AND ends_at <= :now
      AND (taken_until IS NULL OR taken_until <= :now)
    RETURNING attempt_id AS attemptId, queue_url AS queueUrl, messages AS max`,
  forget: "DELETE FROM taskiq_cut_receives WHERE attempt_id IN (SELECT value FROM json_each(?))",
} as const;

export function sqliteCutReceives({ db, nowMs, write, read }: SqliteRecordPorts): CutReceives {
  const on = (statement: keyof typeof sql) => db.prepare(sql[statement]);
  const takeLocked = (queueUrls: readonly string[], forMs: number) => {
    const now = nowMs();
    on("expire").run({ now });
    const taken = { now, queueUrls: JSON.stringify(queueUrls), takenUntil: now + forMs };
    return on("take").all(taken).map(readCutReceive);
  };
  return {
    leave: (receives) =>
      write(() => {
        for (const { leftMs, ...receive } of receives)
          on("leave").run({ ...receive, endsAt: Math.ceil(nowMs() + leftMs) });
      }),
    take: async (queueUrls, forMs) => {
      if (read(() => on("any").get({ now: nowMs() })) === undefined) return [];
      return await write(() => takeLocked(queueUrls, forMs));
    },
    forget: (attemptIds) => write(() => void on("forget").run(JSON.stringify(attemptIds))),
  };
}
