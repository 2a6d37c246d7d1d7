// Whether `payload_digest` is of a body whose attempt a process found open. Workers of an earlier
// schema leave it false, and then any body may claim the row.
export const BODIES = `
ALTER TABLE taskiq_idempotency_records ADD COLUMN body_bound boolean NOT NULL DEFAULT false;`;
