// Puts together what an operator's command works with: the queue, the ledger, and a step host that
// only looks.
import { existsSync } from "node:fs";
import { type Clock, systemClock as clock } from "../../core/clock.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import type { Observe } from "../../core/observe.ts";
import type { Queue } from "../../core/queue/port.ts";
import type { Runner } from "../../core/runner/port.ts";
import type { Env } from "../options/resolve.ts";
import { openLedger } from "../wiring/ledger.ts";
import { openQueue } from "../wiring/queue.ts";
import { openLookingHost } from "../wiring/step-host.ts";
import type { OperatorConfig } from "./operator-config.ts";

/** The caller closes them. */
export interface OperatorPorts {
  readonly queue: Queue;
  /** `null` means not to be asked, or a file that does not exist. */
  readonly ledger: Ledger | null;
  /** Not started. `null` means not to be asked. */
  readonly runner: Runner | null;
  readonly clock: Clock;
}

/** How soon a ledger must answer an operator, and how long an operator's claim holds. */
export const OPERATOR_LEASE_MS = 60_000;

/**
 * Wires no worker: nothing here takes steps, and the step host imports no code location. Rejects
 * with a `Fault`.
 */
export async function wireOperator(config: OperatorConfig, env: Env, observe: Observe): Promise<OperatorPorts> {
  const { ledger, dagster } = config;
  // Opening a file makes it, and a fresh ledger knows nothing.
  const missing = ledger?.kind === "sqlite" && !existsSync(ledger.path);
  if (missing) observe({ event: "ledger.missing", level: "warn", message: `there is no ledger at ${ledger.path}` });
  return {
    queue: openQueue(config, env, observe),
    ledger: ledger === null || missing ? null : await openLedger(ledger, "operator", OPERATOR_LEASE_MS, env),
    runner: dagster === null ? null : openLookingHost({ ...dagster, ledger }, env, observe),
    clock,
  };
}
