// Rows of the Postgres ledger, to and from the port's shapes.
import { decodeOutcome } from "./outcome-text.ts";
import type { Claim, LedgerRow, RowState, SettledState } from "./port.ts";
import type { Row } from "./postgres-link.ts";

/** What the statements select has these types; times are Unix milliseconds. */
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

export function toRow(found: Row): LedgerRow {
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

type Claimed =
  | {
      readonly kind: "granted";
      readonly fence: number;
      readonly starts: number;
      readonly taken_over_from: string | null;
      readonly payload_digest: string;
    }
  | { readonly kind: "held"; readonly owner: string; readonly left_ms: number }
  | { readonly kind: "settled"; readonly state: SettledState; readonly outcome: string };

export function toClaim(found: Row): Claim {
  const claimed = found as unknown as Claimed;
  switch (claimed.kind) {
    case "granted": {
      const { fence, starts, taken_over_from: takenOverFrom, payload_digest: payloadDigest } = claimed;
      return { kind: "granted", fence, starts, takenOverFrom, payloadDigest };
    }
    case "held":
      return { kind: "held", owner: claimed.owner, leftMs: Math.ceil(claimed.left_ms) };
    case "settled":
      return { kind: "settled", state: claimed.state, outcome: decodeOutcome(claimed.outcome) };
  }
}
