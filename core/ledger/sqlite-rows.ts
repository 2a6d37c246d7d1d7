// Rows of the SQLite ledger, to and from the port's shapes.
import type { SQLOutputValue } from "node:sqlite";
import { decodeOutcome } from "./outcome-text.ts";
import type { LedgerRow, RowState } from "./port.ts";

/** The table is STRICT and checks its states, so a row's columns have these types. */
interface Columns {
  readonly idempotency_key: string;
  readonly run_id: string;
  readonly step_key: string;
  readonly attempt: number;
  readonly state: RowState;
  readonly fence: number;
  readonly owner: string;
  readonly lease_expires_at: number | null;
  readonly starts: number;
  readonly outcome: string | null;
  readonly payload_digest: string;
  readonly message_id: string;
  readonly received_at: number;
  readonly updated_at: number;
  readonly settled_at: number | null;
}

export function toRow(found: Record<string, SQLOutputValue>): LedgerRow {
  const columns = found as unknown as Columns;
  return {
    key: columns.idempotency_key,
    step: { runId: columns.run_id, stepKey: columns.step_key, attempt: columns.attempt },
    state: columns.state,
    fence: columns.fence,
    owner: columns.owner,
    leaseExpiresAtMs: columns.lease_expires_at,
    starts: columns.starts,
    outcome: columns.outcome === null ? null : decodeOutcome(columns.outcome),
    payloadDigest: columns.payload_digest,
    messageId: columns.message_id,
    receivedAtMs: columns.received_at,
    updatedAtMs: columns.updated_at,
    settledAtMs: columns.settled_at,
  };
}
