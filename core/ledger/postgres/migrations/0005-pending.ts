// Pruning finds the pending rows that no message can ask for any more. Renewals change no column of
// the index, so they stay cheap.
export const PENDING = `
CREATE INDEX taskiq_idempotency_records_pending ON taskiq_idempotency_records (received_at) WHERE state = 'pending';`;
