// A secret of this ledger, from which the deduplication ids of buried messages are made. It stands
// in the row of the first schema, in a table that every role may read. The random bits of two UUIDs
// are 244.
export const BURIAL_KEY = `
ALTER TABLE taskiq_ledger_schema ADD COLUMN burial_key text;
UPDATE taskiq_ledger_schema SET burial_key = gen_random_uuid()::text || gen_random_uuid()::text WHERE version = 1;`;
