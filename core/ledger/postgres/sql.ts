// Every statement of the Postgres ledger. Each is one transaction by itself, so that a pooler may
// give each another connection.
//
// Questions come as one JSON array, so that many callers share one statement. Rows are locked in
// the order of their keys, or two batches could wait for each other. `clock_timestamp()` is the
// database's own clock: workers need not agree on the time.

const TABLE = "taskiq_idempotency_records";
export const NOW = "date_trunc('milliseconds', clock_timestamp())";
export const ms = (instant: string) => `(extract(epoch FROM ${instant}) * 1000)::float8`;
const instant = (milliseconds: string) => `timestamptz 'epoch' + ${span(milliseconds)}`;
export const span = (milliseconds: string) => `${milliseconds} * interval '1 millisecond'`;

const asked = (columns: string) =>
  `asked AS MATERIALIZED (SELECT * FROM json_to_recordset($1::text::json) AS asked (position integer, key text, ${columns}))`;

/** What the asked fences hold, once no other transaction can change it. */
const HELD = `held AS MATERIALIZED (
  SELECT entry.idempotency_key, entry.state AS was, entry.outcome::text AS recorded, entry.permit_token, asked.*
  FROM asked JOIN ${TABLE} AS entry ON entry.idempotency_key = asked.key AND entry.fence = asked.fence
  ORDER BY entry.idempotency_key FOR UPDATE OF entry)`;

const COLUMNS = `idempotency_key, run_id, step_key, attempt::float8, state, fence::float8, owner, starts, outcome::text, payload_digest,
  body_bound, message_id, ${ms("lease_expires_at")} AS lease_expires_at, ${ms("received_at")} AS received_at, ${ms("updated_at")} AS updated_at,
  ${ms("settled_at")} AS settled_at`;

/** The same claim, asked for again because its answer was lost. */
const SAME = "(entry.claim_token = excluded.claim_token AND entry.state = 'running')";
/** See `claimable.ts`; $2 is the write bound. */
const FREE_AT = `coalesce(entry.lease_expires_at, timestamptz 'epoch')
  + CASE entry.state WHEN 'permitted' THEN ${span("$2::float8")} ELSE interval '0' END`;

/** See `claimable.ts`. */
const CLAIMED_DIGEST = `CASE WHEN ${SAME} OR excluded.payload_digest = '' OR entry.body_bound
  THEN entry.payload_digest ELSE excluded.payload_digest END`;

/**
 * A row that another transaction made or changed after this statement began is locked and left
 * alone. The second half of the statement does not see it. Such a row gets no answer, and the
 * caller asks again.
 */
const CLAIM = `WITH instant AS MATERIALIZED (SELECT ${NOW} AS now),
${asked(
  `run_id text, step_key text, attempt bigint, owner text, lease_ms float8, message_id text, payload_digest text,
  received_ms float8, token uuid`,
)},
granted AS (
  INSERT INTO ${TABLE} AS entry (idempotency_key, run_id, step_key, attempt, state, fence, owner, lease_expires_at, starts,
    payload_digest, message_id, received_at, updated_at, claim_token)
  SELECT key, run_id, step_key, attempt, 'running', 1, owner, now + ${span("lease_ms")}, 1,
    payload_digest, message_id, timestamptz 'epoch' + ${span("received_ms")}, now, token
  FROM asked, instant ORDER BY key COLLATE "C"
  ON CONFLICT (idempotency_key) DO UPDATE SET state = 'running', owner = excluded.owner,
    fence = entry.fence + CASE WHEN ${SAME} THEN 0 ELSE 1 END,
    starts = entry.starts + CASE WHEN ${SAME} THEN 0 ELSE 1 END,
    taken_over_from = CASE WHEN ${SAME} THEN entry.taken_over_from WHEN entry.state = 'pending' THEN NULL ELSE entry.owner END,
    payload_digest = ${CLAIMED_DIGEST},
    lease_expires_at = excluded.lease_expires_at, message_id = excluded.message_id, received_at = excluded.received_at,
    updated_at = excluded.updated_at, claim_token = excluded.claim_token
  WHERE entry.settled_at IS NULL AND (${SAME} OR ${FREE_AT} <= excluded.updated_at)
  RETURNING idempotency_key, fence, starts, taken_over_from, payload_digest)
SELECT position, 'granted' AS kind, fence::float8, starts, taken_over_from, granted.payload_digest,
  NULL AS owner, NULL::float8 AS left_ms, NULL AS state, NULL AS outcome
FROM granted JOIN asked ON asked.key = granted.idempotency_key
UNION ALL
SELECT position, CASE WHEN entry.settled_at IS NULL THEN 'held' ELSE 'settled' END, NULL, NULL, NULL, NULL,
  entry.owner, ${ms(`(${FREE_AT})`)} - ${ms("now")}, entry.state, entry.outcome::text
FROM asked JOIN ${TABLE} AS entry ON entry.idempotency_key = asked.key CROSS JOIN instant
WHERE NOT EXISTS (SELECT FROM granted WHERE granted.idempotency_key = asked.key)
  AND (entry.settled_at IS NOT NULL OR ${FREE_AT} > now)`;

const RENEW = `WITH ${asked("fence bigint")}, ${HELD},
renewed AS (
  UPDATE ${TABLE} AS entry SET lease_expires_at = ${NOW} + ${span("$2::float8")}, updated_at = ${NOW}
  FROM held WHERE entry.idempotency_key = held.key AND was IN ('running', 'permitted')
  RETURNING 1)
SELECT idempotency_key, fence::float8 FROM held WHERE was <> 'pending'`;

const PERMIT = `WITH ${asked("fence bigint, lease_ms float8, token uuid")}, ${HELD},
permitted AS (
  UPDATE ${TABLE} AS entry SET state = 'permitted', lease_expires_at = ${NOW} + ${span("lease_ms")}, updated_at = ${NOW},
    permit_token = held.token
  FROM held WHERE entry.idempotency_key = held.key
    AND (was = 'running' OR was = 'permitted' AND held.permit_token = held.token)
  RETURNING entry.idempotency_key)
SELECT position FROM permitted JOIN asked ON asked.key = permitted.idempotency_key`;

const SETTLE = `WITH ${asked("fence bigint, state text, outcome text")}, ${HELD},
settled AS (
  UPDATE ${TABLE} AS entry SET state = held.state, outcome = held.outcome::json, lease_expires_at = NULL,
    updated_at = ${NOW}, settled_at = ${NOW}
  FROM held WHERE entry.idempotency_key = held.key AND was IN ('running', 'permitted'))
SELECT position FROM held
WHERE was IN ('running', 'permitted') OR was IN ('completed', 'failed', 'dead') AND recorded = outcome`;

const ABANDON = `WITH ${asked("fence bigint, given_back integer, forgets boolean, binds boolean")}, ${HELD},
abandoned AS (
  UPDATE ${TABLE} AS entry SET state = 'pending', updated_at = ${NOW}, starts = greatest(0, starts - given_back),
    payload_digest = CASE WHEN forgets AND NOT body_bound THEN '' ELSE payload_digest END,
    body_bound = body_bound OR binds AND payload_digest <> '',
    lease_expires_at = CASE was WHEN 'permitted' THEN ${NOW} + ${span("$2::float8")} END
  FROM held WHERE entry.idempotency_key = held.key AND was IN ('running', 'permitted'))
SELECT position FROM held WHERE was IN ('running', 'permitted', 'pending')`;

const LOCK = `INSERT INTO taskiq_ledger_locks AS held (name, owner, expires_at)
VALUES ($1, $2, ${NOW} + ${span("$3::float8")})
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
  WHERE held.owner = excluded.owner OR held.expires_at <= ${NOW}
RETURNING name`;

const page = (condition: string, limit: string) =>
  `SELECT ${COLUMNS} FROM ${TABLE} WHERE idempotency_key > $1 AND ${condition} ORDER BY idempotency_key LIMIT ${limit}::bigint`;

const REPLAY_COLUMNS = `letter_id AS "letterId", queue_url AS "queueUrl", subject, number, act, state, sent_id AS "sentId", who, why,
  ${ms("planned_at")} AS "plannedAtMs", ${ms("updated_at")} AS "updatedAtMs"`;

/**
 * The update makes an existing row the answer. It changes only a row of an earlier version, which
 * drew no id.
 */
const PLAN_REPLAY = `INSERT INTO taskiq_replays AS replay (letter_id, queue_url, subject, number, act, state, who, why, planned_at, updated_at,
  deduplication_id)
SELECT $1, $2, $3, 1 + (SELECT count(*) FROM taskiq_replays WHERE subject = $3), $4, 'planned', $5, $6, ${NOW}, ${NOW}, $7
ON CONFLICT (letter_id) DO UPDATE SET deduplication_id = coalesce(replay.deduplication_id, excluded.deduplication_id)
RETURNING ${REPLAY_COLUMNS}, deduplication_id AS "deduplicationId"`;

/** $2 is the write bound, as `freeAt` has it. */
const REOPEN = `WITH seen AS MATERIALIZED (
  SELECT idempotency_key AS key, state AS was, starts AS started FROM ${TABLE} AS entry
  WHERE idempotency_key = $1 AND fence = $3::bigint
    AND (state = 'dead' OR settled_at IS NULL AND ${FREE_AT} <= ${NOW})
  FOR UPDATE),
reopened AS (
  UPDATE ${TABLE} AS entry SET state = 'pending', fence = fence + 1, starts = 0, outcome = NULL, settled_at = NULL,
    lease_expires_at = NULL, payload_digest = coalesce(nullif($4::text, ''), payload_digest), body_bound = body_bound OR $4::text <> '', updated_at = ${NOW}
  FROM seen WHERE entry.idempotency_key = seen.key
  RETURNING entry.idempotency_key, entry.fence, seen.was, seen.started)
INSERT INTO taskiq_reopenings (idempotency_key, fence, from_state, from_starts, who, why, reopened_at)
SELECT idempotency_key, fence, was, started, $5, $6, ${NOW} FROM reopened RETURNING 1`;

export const statements = {
  claim: CLAIM,
  renew: RENEW,
  permit: PERMIT,
  settle: SETTLE,
  abandon: ABANDON,
  lock: LOCK,
  find: `SELECT ${COLUMNS} FROM ${TABLE} WHERE idempotency_key = $1`,
  list: page("true", "$2"),
  listOfRun: page("run_id = $2", "$3"),
  listInStates: page("state IN (SELECT json_array_elements_text($2::text::json))", "$3"),
  listOfRunInStates: page("run_id = $2 AND state || '' IN (SELECT json_array_elements_text($3::text::json))", "$4"),
  // Not joined: for a limit that it does not know, the server would plan to read the whole table.
  prune: `WITH settled AS MATERIALIZED (
      SELECT idempotency_key FROM ${TABLE} WHERE settled_at < ${instant("$1::float8")}
      ORDER BY settled_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED),
    pending AS MATERIALIZED (
      SELECT idempotency_key FROM ${TABLE}
      WHERE state = 'pending' AND received_at < ${instant("$1::float8")} AND updated_at < ${instant("$1::float8")}
      ORDER BY received_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    DELETE FROM ${TABLE} WHERE idempotency_key = ANY (ARRAY(
      SELECT idempotency_key FROM settled UNION ALL SELECT idempotency_key FROM pending LIMIT $2::bigint)) RETURNING 1`,
  planReplay: PLAN_REPLAY,
  findReplay: `SELECT ${REPLAY_COLUMNS} FROM taskiq_replays WHERE letter_id = $1`,
  advanceReplay: `UPDATE taskiq_replays SET state = CASE state WHEN 'deleted' THEN state ELSE $2::text END,
    sent_id = coalesce(nullif($3::text, ''), sent_id), updated_at = ${NOW} WHERE letter_id = $1`,
  reopen: REOPEN,
  reopenings: `SELECT idempotency_key AS key, fence::float8, from_state AS "fromState", from_starts AS "fromStarts", who, why,
    ${ms("reopened_at")} AS "atMs" FROM taskiq_reopenings WHERE idempotency_key = $1 ORDER BY id`,
  burialKey: "SELECT burial_key FROM taskiq_ledger_schema WHERE version = 1",
  ping: "SELECT current_setting('transaction_read_only') AS read_only",
} as const;
