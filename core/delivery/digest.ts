// The digest of a message's request. It is the same for two deliveries of one attempt, and differs
// for two bodies under one key.
import { createHash } from "node:crypto";
import type { Envelope } from "../step/envelope.ts";

/**
 * Returns the SHA-256 (hex) over the wire fields that decide what runs, keys sorted. `enqueued_at`
 * and the delay of a retry do not count. A run worker that was resumed sends the same attempt again
 * at another time, and a RetryPolicy with jitter then names another delay.
 */
export function payloadDigest(envelope: Envelope): string {
  const tags = Object.entries(envelope.tags).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify({
    known_state: envelope.knownState,
    on_fault: envelope.onFault === null ? null : {},
    op_name: envelope.opName,
    retry_count: envelope.attempt,
    retry_mode: envelope.retryMode,
    run_id: envelope.runId,
    step_key: envelope.stepKey,
    tags: Object.fromEntries(tags),
  });
  return createHash("sha256").update(canonical).digest("hex");
}
