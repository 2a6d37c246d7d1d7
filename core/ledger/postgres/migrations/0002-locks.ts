// Named locks, for work that one worker is enough for.
export const LOCKS = `
CREATE TABLE taskiq_ledger_locks (
  name       text COLLATE "C" NOT NULL PRIMARY KEY,
  owner      text        NOT NULL,
  expires_at timestamptz NOT NULL
);`;
