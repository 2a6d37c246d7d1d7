// Ends a claim: with an outcome that is recorded for good, or without one.
import type { ExecutionResult } from "../../step/step.ts";
import type { EffectOf, EventIn } from "../states.ts";
import { askLedger, askLedgerWhileLeased, type Scene } from "./ports.ts";

export async function settle(scene: Scene, { hold, outcome }: EffectOf<"settle">): Promise<EventIn<"settling">> {
  const { delivery } = scene;
  delivery.parked = outcome.state === "parked";
  delivery.lease.closing();
  const answer = await askLedgerWhileLeased(scene, "settle", (ledger) => ledger.settle(hold, outcome));
  delivery.lease.unclaimed();
  if (answer === null) return { is: "ledger_unreachable" };
  if (answer === "recorded") return noteRecorded(scene, outcome);
  const stale = "the end is not recorded: the lease was over, and another claim decides";
  delivery.log("warn", "step.settled", stale, { state: outcome.state, answer });
  return { is: answer };
}

/** The ledger has the outcome: this worker or its step host settled the row. */
export function noteRecorded({ delivery, ports }: Scene, { state }: ExecutionResult): { readonly is: "recorded" } {
  delivery.lease.unclaimed();
  ports.outcomes[state] += 1;
  delivery.times.settled = ports.clock.wallMs();
  delivery.log("debug", "step.settled", "recorded", { state, answer: "recorded" });
  return { is: "recorded" };
}

export async function abandon(
  scene: Scene,
  { hold, giveStartBack, why }: EffectOf<"abandon">,
): Promise<EventIn<"abandoning">> {
  const { delivery } = scene;
  const body = delivery.foundOpen ? "bind" : "forget";
  const options = { giveStartBack, ...(delivery.sameBody && ({ body } as const)) };
  delivery.lease.closing();
  const answer = await askLedger(scene, "abandon", (ledger) => ledger.abandon(hold, options));
  delivery.lease.unclaimed();
  // The release reports it, because only then is known for how long the message is hidden.
  delivery.abandoned = why;
  return answer === null ? { is: "ledger_unreachable" } : { is: answer };
}
