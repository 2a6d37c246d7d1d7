// What the ledger contract's rows share: the thing under test, and requests and outcomes that
// matter only where a row says so.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Claim, ClaimRequest, Ledger } from "../../core/ledger/port.ts";
import { type ExecutionResult, idempotencyKey } from "../../core/step/step.ts";

export const leaseMs = 60_000;
export const writeBoundMs = 5_000;

/** An empty ledger whose time stands still unless the test advances it. */
export interface LedgerUnderTest {
  readonly ledger: Ledger;
  /** A ledger over the same rows, as another worker would open it. */
  readonly second: () => Promise<Ledger>;
  readonly nowMs: () => number;
  readonly advance: (ms: number) => Promise<void>;
}

/**
 * Makes one for a test whose ledger has `writeBoundMs` as its write bound; what it opens ends with
 * the test.
 */
export type MakeLedger = (t: TestContext) => Promise<LedgerUnderTest>;

export type Granted = Extract<Claim, { kind: "granted" }>;
export type GrantedHold = Granted & { readonly key: string };

export function request(changes: Partial<ClaimRequest> & { readonly attempt?: number } = {}): ClaimRequest {
  const step = changes.step ?? { runId: "run-1", stepKey: "load", attempt: changes.attempt ?? 0 };
  return {
    key: changes.key ?? idempotencyKey(step),
    step,
    owner: changes.owner ?? "worker-a",
    leaseMs: changes.leaseMs ?? leaseMs,
    messageId: changes.messageId ?? "message-1",
    payloadDigest: changes.payloadDigest ?? "digest-1",
    receivedAtMs: changes.receivedAtMs ?? 1_790_000_000_000,
  };
}

export function requestFor(key: string, changes: Partial<ClaimRequest> = {}): ClaimRequest {
  return request({ ...changes, key });
}

/** Claims and expects to get it; the answer is also the hold for what follows. */
export async function claimed(ledger: Ledger, wanted: ClaimRequest = request()): Promise<GrantedHold> {
  const claim = await ledger.claim(wanted);
  assert.equal(claim.kind, "granted", `expected ${wanted.key} to be granted, got ${JSON.stringify(claim)}`);
  return { ...(claim as Granted), key: wanted.key };
}

export function outcome(changes: Partial<ExecutionResult> = {}): ExecutionResult {
  return {
    state: "success",
    output: { outputs: ["result"], assets: [] },
    error: null,
    started_at: 1_790_000_000.25,
    completed_at: 1_790_000_002.5,
    execution_time_seconds: 2.25,
    ...changes,
  };
}
