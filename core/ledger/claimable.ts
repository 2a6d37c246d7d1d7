// Whether a row may be claimed at an instant: the one rule that keeps two terminal events apart.
// Pure.
import type { LedgerRow, SettledState } from "./port.ts";

export type Claimable =
  | { readonly kind: "free"; readonly takenOverFrom: string | null }
  | { readonly kind: "held"; readonly owner: string; readonly leftMs: number }
  | { readonly kind: "settled"; readonly state: SettledState };

type Held = Pick<LedgerRow, "state" | "owner" | "leaseExpiresAtMs">;

/** A lease ends at its instant: a claim at exactly `leaseExpiresAtMs` finds the row free. */
export function claimable(row: Held, nowMs: number, writeBoundMs: number): Claimable {
  switch (row.state) {
    case "completed":
    case "failed":
    case "dead":
      return { kind: "settled", state: row.state };
    case "pending":
      return freeFrom(row.leaseExpiresAtMs ?? nowMs, null, row, nowMs);
    case "running":
      return freeFrom(row.leaseExpiresAtMs ?? nowMs, row.owner, row, nowMs);
    case "permitted":
      return freeFrom((row.leaseExpiresAtMs ?? nowMs) + writeBoundMs, row.owner, row, nowMs);
  }
}

/**
 * Returns the digest that a row carries once it is claimed. A row that is bound to a body keeps
 * that body, through every claim and every lease that ends. Any other row takes the body of its
 * claim, because the message before may have come before its attempt was open. `asked` is empty for
 * a body that cannot be read. Such a body never takes a row from another.
 */
export function claimedDigest(
  { payloadDigest, bodyBound }: Pick<LedgerRow, "payloadDigest" | "bodyBound">,
  asked: string,
): string {
  return asked === "" || bodyBound ? payloadDigest : asked;
}

/**
 * When an abandoned row may be claimed. `null` means at once. The process of an abandoned claim is
 * dead. But a permitted one may have sent its terminal event just before, and a database goes on
 * committing for a client that is gone. So the write bound counts from the abandonment here, as it
 * does from the lease's end elsewhere.
 */
export function abandonedUntilMs(from: "running" | "permitted", nowMs: number, writeBoundMs: number): number | null {
  return from === "permitted" ? nowMs + writeBoundMs : null;
}

function freeFrom(instantMs: number, takenOverFrom: string | null, row: Held, nowMs: number): Claimable {
  if (nowMs >= instantMs) return { kind: "free", takenOverFrom };
  return { kind: "held", owner: row.owner, leftMs: instantMs - nowMs };
}
