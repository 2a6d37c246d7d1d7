// What operators did with dead letters, and which attempts they reopened. Only added to: workers
// need neither table.
export const REPLAYS = `
CREATE TABLE taskiq_replays (
  letter_id  text COLLATE "C" NOT NULL PRIMARY KEY,
  queue_url  text        NOT NULL,
  subject    text COLLATE "C" NOT NULL,
  number     integer     NOT NULL CHECK (number >= 1),
  act        text        NOT NULL CHECK (act IN ('replay', 'purge')),
  state      text        NOT NULL CHECK (state IN ('planned', 'sent', 'deleted')),
  sent_id    text,
  who        text        NOT NULL,
  why        text        NOT NULL,
  planned_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX taskiq_replays_by_subject ON taskiq_replays (subject);
CREATE TABLE taskiq_reopenings (
  idempotency_key text COLLATE "C" NOT NULL,
  fence           bigint      NOT NULL,
  from_state      text        NOT NULL,
  from_starts     integer     NOT NULL,
  who             text        NOT NULL,
  why             text        NOT NULL,
  reopened_at     timestamptz NOT NULL,
  id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE INDEX taskiq_reopenings_by_key ON taskiq_reopenings (idempotency_key, id);`;
