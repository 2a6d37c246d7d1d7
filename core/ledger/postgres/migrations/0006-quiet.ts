// Which workers are to take no new steps, and how far quiet workers are. Workers of an earlier
// schema know neither table, and are not made quiet.
export const QUIET = `
CREATE TABLE taskiq_quiet_requests (
  worker    text COLLATE "C" NOT NULL,
  queue     text COLLATE "C" NOT NULL,
  who       text        NOT NULL,
  why       text,
  asked_at  timestamptz NOT NULL,
  until_at  timestamptz,
  lifted_by text,
  lifted_at timestamptz,
  PRIMARY KEY (worker, queue),
  CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE TABLE taskiq_quiet_workers (
  worker      text COLLATE "C" NOT NULL,
  queue       text COLLATE "C" NOT NULL,
  busy        integer     NOT NULL CHECK (busy >= 0),
  idle        boolean     NOT NULL,
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (worker, queue)
);`;
