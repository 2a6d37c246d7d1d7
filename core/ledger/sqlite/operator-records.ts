// What operators write into the SQLite ledger. Statements are prepared when they are used: workers
// use none of them.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { claimable } from "../claimable.ts";
import type { BegunReplay, LedgerRow, Reopening, ReopenRequest, Replay, ReplayPlan } from "../port.ts";
import { readBegunReplay, readReopening, readReplay } from "../rows.ts";

const COLUMNS = `letter_id AS letterId, queue_url AS queueUrl, subject, number, act, state, sent_id AS sentId, who, why,
  planned_at AS plannedAtMs, updated_at AS updatedAtMs`;

export function findReplay(db: DatabaseSync, letterId: string): Replay | null {
  const found = reading(db, `SELECT ${COLUMNS} FROM taskiq_replays WHERE letter_id = ?`).get(letterId);
  return found === undefined ? null : readReplay(found);
}

/**
 * Within a write transaction. The update makes an existing row the answer. It changes only a row of
 * an earlier version, which drew no id.
 */
export function planReplay(db: DatabaseSync, plan: ReplayPlan, deduplicationId: string, now: number): BegunReplay {
  const { letterId, queueUrl, subject, act, who, why } = plan;
  const begun = reading(
    db,
    `INSERT INTO taskiq_replays (letter_id, queue_url, subject, number, act, state, who, why, planned_at, updated_at, deduplication_id)
     SELECT :letterId, :queueUrl, :subject, 1 + count(*), :act, 'planned', :who, :why, :now, :now, :deduplicationId
     FROM taskiq_replays WHERE subject = :subject
     ON CONFLICT (letter_id) DO UPDATE SET deduplication_id = coalesce(deduplication_id, excluded.deduplication_id)
     RETURNING ${COLUMNS}, deduplication_id AS deduplicationId`,
  ).get({ letterId, queueUrl, subject, act, who, why, now, deduplicationId });
  return readBegunReplay(begun ?? {});
}

export function advanceReplay(
  db: DatabaseSync,
  letterId: string,
  to: "sent" | "deleted",
  sentId: string | null,
  now: number,
): void {
  db.prepare(
    `UPDATE taskiq_replays SET state = iif(state = 'deleted', state, :to), sent_id = coalesce(:sentId, sent_id), updated_at = :now
     WHERE letter_id = :letterId`,
  ).run({ letterId, to, sentId, now });
}

/** Within a write transaction, with the row as it is in it. */
export function reopen(
  db: DatabaseSync,
  row: LedgerRow | null,
  request: ReopenRequest,
  now: number,
  writeBoundMs: number,
): "reopened" | "changed" {
  if (row === null || row.fence !== request.fence) return "changed";
  const claim = claimable(row, now, writeBoundMs);
  if (claim.kind === "settled" ? claim.state !== "dead" : claim.kind !== "free") return "changed";
  const { key, payloadDigest: digest, who, why } = request;
  const fence = row.fence + 1;
  db.prepare(
    `UPDATE taskiq_idempotency_records SET state = 'pending', fence = :fence, starts = 0, outcome = NULL, settled_at = NULL,
       lease_expires_at = NULL, payload_digest = coalesce(:digest, payload_digest), body_bound = body_bound OR :digest IS NOT NULL,
       updated_at = :now
     WHERE idempotency_key = :key`,
  ).run({ key, fence, digest, now });
  db.prepare(
    `INSERT INTO taskiq_reopenings (idempotency_key, fence, from_state, from_starts, who, why, reopened_at)
     VALUES (:key, :fence, :state, :starts, :who, :why, :now)`,
  ).run({ key, fence, state: row.state, starts: row.starts, who, why, now });
  return "reopened";
}

export function reopenings(db: DatabaseSync, key: string): readonly Reopening[] {
  const found = reading(
    db,
    `SELECT idempotency_key AS key, fence, from_state AS fromState, from_starts AS fromStarts, who, why, reopened_at AS atMs
     FROM taskiq_reopenings WHERE idempotency_key = ? ORDER BY id`,
  ).all(key);
  return found.map(readReopening);
}

/** Whatever number a row holds, it is read, and judged then. */
function reading(db: DatabaseSync, text: string): StatementSync {
  const statement = db.prepare(text);
  statement.setReadBigInts(true);
  return statement;
}
