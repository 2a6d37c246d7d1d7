// The receives that stopping workers cut, until another worker has repeated them. Workers of an
// earlier schema neither leave nor take any.
export const CUT_RECEIVES = `
CREATE TABLE taskiq_cut_receives (
  attempt_id  text COLLATE "C" NOT NULL PRIMARY KEY,
  queue_url   text COLLATE "C" NOT NULL,
  messages    integer     NOT NULL CHECK (messages >= 1),
  ends_at     timestamptz NOT NULL,
  taken_until timestamptz
);`;
