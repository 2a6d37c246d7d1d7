// Every statement of the SQLite ledger, prepared once per connection.
import type { DatabaseSync, StatementSync } from "node:sqlite";

const TABLE = "taskiq_idempotency_records";
const HELD = "idempotency_key = :key AND fence = :fence AND state IN ('running', 'permitted')";

/**
 * `+state` keeps the planner off the index by state, where the key or the run narrows far better.
 */
const sql = {
  find: `SELECT * FROM ${TABLE} WHERE idempotency_key = ?`,
  insert: `INSERT INTO ${TABLE} (idempotency_key, run_id, step_key, attempt, state, fence, owner, lease_expires_at, starts,
      payload_digest, message_id, received_at, updated_at)
    VALUES (:key, :runId, :stepKey, :attempt, 'running', 1, :owner, :leaseUntil, 1, :digest, :messageId, :receivedAt, :now)`,
  takeOver: `UPDATE ${TABLE} SET state = 'running', fence = :fence, owner = :owner, lease_expires_at = :leaseUntil,
      starts = starts + 1, payload_digest = :digest, message_id = :messageId, received_at = :receivedAt, updated_at = :now
    WHERE idempotency_key = :key`,
  renew: `UPDATE ${TABLE} SET lease_expires_at = iif(settled_at IS NULL, :leaseUntil, NULL),
      updated_at = iif(settled_at IS NULL, :now, updated_at) FROM json_each(:holds) AS hold
    WHERE idempotency_key = hold.value ->> 0 AND fence = hold.value ->> 1 AND +state <> 'pending'
    RETURNING idempotency_key, fence`,
  permit: `UPDATE ${TABLE} SET state = 'permitted', lease_expires_at = :leaseUntil, updated_at = :now
    WHERE idempotency_key = :key AND fence = :fence AND state = 'running'`,
  settle: `UPDATE ${TABLE} SET state = :state, outcome = :outcome, lease_expires_at = NULL, updated_at = :now, settled_at = :now
    WHERE ${HELD}`,
  settledAs: `SELECT 1 FROM ${TABLE}
    WHERE idempotency_key = :key AND fence = :fence AND settled_at IS NOT NULL AND outcome = :outcome`,
  abandon: `UPDATE ${TABLE} SET lease_expires_at = iif(state = 'permitted', :permittedUntil, NULL), state = 'pending',
      starts = max(0, starts - :givenBack), payload_digest = iif(:forgets AND NOT body_bound, '', payload_digest),
      body_bound = body_bound OR (:binds AND payload_digest <> ''), updated_at = :now
    WHERE ${HELD}`,
  abandonedAs: `SELECT 1 FROM ${TABLE} WHERE idempotency_key = :key AND fence = :fence AND state = 'pending'`,
  list: `SELECT * FROM ${TABLE} WHERE idempotency_key > :after ORDER BY idempotency_key LIMIT :limit`,
  listOfRun: `SELECT * FROM ${TABLE} WHERE run_id = :runId AND idempotency_key > :after ORDER BY idempotency_key LIMIT :limit`,
  listInStates: `SELECT * FROM ${TABLE} WHERE state IN (SELECT value FROM json_each(:states)) AND idempotency_key > :after
    ORDER BY idempotency_key LIMIT :limit`,
  listOfRunInStates: `SELECT * FROM ${TABLE}
    WHERE run_id = :runId AND +state IN (SELECT value FROM json_each(:states)) AND idempotency_key > :after
    ORDER BY idempotency_key LIMIT :limit`,
  lock: `INSERT INTO taskiq_ledger_locks (name, owner, expires_at) VALUES (:name, :owner, :leaseUntil)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
    WHERE taskiq_ledger_locks.owner = excluded.owner OR taskiq_ledger_locks.expires_at <= :now`,
  prune: `DELETE FROM ${TABLE} WHERE idempotency_key IN (
    SELECT * FROM (SELECT idempotency_key FROM ${TABLE} WHERE settled_at < :before ORDER BY settled_at LIMIT :limit)
    UNION ALL
    SELECT * FROM (SELECT idempotency_key FROM ${TABLE} WHERE state = 'pending' AND received_at < :before AND updated_at < :before
      ORDER BY received_at LIMIT :limit)
    LIMIT :limit)`,
  burialKey: "SELECT burial_key FROM taskiq_ledger_schema WHERE version = 1",
  ping: "SELECT count(*) FROM taskiq_ledger_schema",
} as const;

const readsRows: ReadonlySet<string> = new Set(["find", "list", "listOfRun", "listInStates", "listOfRunInStates"]);

export type Statements = Readonly<Record<keyof typeof sql, StatementSync>>;

export function prepareStatements(db: DatabaseSync): Statements {
  const prepared = Object.entries(sql).map(([name, text]) => {
    const statement = db.prepare(text);
    // Of a row that was damaged: a number that is too large for JavaScript would be an error
    // without the row's name.
    if (readsRows.has(name)) statement.setReadBigInts(true);
    return [name, statement];
  });
  return Object.fromEntries(prepared) as Statements;
}

export function listStatement(ofRun: boolean, inStates: boolean): keyof Statements {
  if (ofRun) return inStates ? "listOfRunInStates" : "listOfRun";
  return inStates ? "listInStates" : "list";
}
