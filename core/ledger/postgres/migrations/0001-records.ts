// The ledger's rows. Times are the database's. `lease_expires_at` of a pending row is the instant
// before which it must not be claimed.
//
// Keys are compared by their bytes (COLLATE "C"). The database's own order may call two different
// texts equal, and changes with its libraries. `outcome` is json, because jsonb cannot hold the NUL
// that a traceback may have. The two tokens make it safe to repeat a write whose answer was lost.
export const RECORDS = `
CREATE TABLE taskiq_idempotency_records (
  idempotency_key  text COLLATE "C" NOT NULL PRIMARY KEY,
  run_id           text COLLATE "C" NOT NULL,
  step_key         text        NOT NULL,
  attempt          bigint      NOT NULL CHECK (attempt >= 0),
  state            text COLLATE "C" NOT NULL
                   CHECK (state IN ('pending', 'running', 'permitted', 'completed', 'failed', 'dead')),
  fence            bigint      NOT NULL CHECK (fence >= 1),
  owner            text        NOT NULL,
  lease_expires_at timestamptz,
  starts           integer     NOT NULL CHECK (starts >= 0),
  outcome          json,
  payload_digest   text        NOT NULL,
  message_id       text        NOT NULL,
  received_at      timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  settled_at       timestamptz,
  taken_over_from  text,
  claim_token      uuid        NOT NULL,
  permit_token     uuid,
  CHECK (state NOT IN ('running', 'permitted') OR lease_expires_at IS NOT NULL),
  CHECK ((state IN ('completed', 'failed', 'dead')) = (outcome IS NOT NULL)),
  CHECK ((state IN ('completed', 'failed', 'dead')) = (settled_at IS NOT NULL))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX taskiq_idempotency_records_by_run ON taskiq_idempotency_records (run_id, idempotency_key);
CREATE INDEX taskiq_idempotency_records_by_state ON taskiq_idempotency_records (state, idempotency_key);
CREATE INDEX taskiq_idempotency_records_settled ON taskiq_idempotency_records (settled_at) WHERE settled_at IS NOT NULL;`;
