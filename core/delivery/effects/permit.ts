// The permit: the ledger's leave for a step's process to write its terminal event.

import type { Hold } from "../../ledger/port.ts";
import type { AskPermit } from "../../runner/port.ts";
import { askLedgerWhileLeased, type Scene } from "./ports.ts";

/**
 * Sets the permit's deadline halfway through the lease that the permit renewed. It counts from the
 * instant at which the process asked, which is earlier than `heardAtMs`. Time that the worker spent
 * on an unreachable ledger is added to it.
 */
export function permitFor(scene: Scene, hold: Hold): AskPermit {
  const { delivery, ports } = scene;
  return async () => {
    delivery.foundOpen = true;
    const heardAtMs = ports.clock.monoMs();
    let askedAtMs = heardAtMs;
    const answer = await askLedgerWhileLeased(scene, "permit", (ledger) => {
      askedAtMs = ports.clock.monoMs();
      return ledger.permit(hold, ports.leaseMs);
    });
    if (answer !== "granted") return { granted: false };
    delivery.permitted = true;
    delivery.lease.granted(hold, askedAtMs);
    return { granted: true, withinMs: askedAtMs - heardAtMs + ports.leaseMs / 2 };
  };
}
