// The random id under which a FIFO queue takes a dead letter's copy. A row that an earlier version
// wrote has none until it is planned again.
export const DEDUPLICATION = `
ALTER TABLE taskiq_replays ADD COLUMN deduplication_id text;`;
