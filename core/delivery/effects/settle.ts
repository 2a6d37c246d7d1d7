// Ending a claim: with an outcome that is recorded for good, or without one.
import type { Effect, EventIn } from "../states.ts";
import { askLedger, askLedgerWhileLeased, type Scene } from "./ports.ts";

export async function settle(
  scene: Scene,
  { outcome }: Extract<Effect, { do: "settle" }>,
): Promise<EventIn<"settling">> {
  const { delivery } = scene;
  delivery.parked = outcome.state === "parked";
  delivery.lease.closing();
  const answer = await askLedgerWhileLeased(scene, "settle", (ledger) => ledger.settle(delivery.hold, outcome));
  delivery.lease.unclaimed();
  if (answer === null) return { is: "ledger_unreachable" };
  delivery.tell("debug", "step.settled", `ledger: ${answer}`, { state: outcome.state, answer });
  return { is: answer };
}

export async function abandon(
  scene: Scene,
  effect: Extract<Effect, { do: "abandon" }>,
): Promise<EventIn<"abandoning">> {
  const { delivery } = scene;
  const { giveStartBack, why } = effect;
  const body = delivery.foundOpen ? "bind" : "forget";
  const options = { giveStartBack, ...(delivery.sameBody && ({ body } as const)) };
  delivery.lease.closing();
  const answer = await askLedger(scene, "abandon", (ledger) => ledger.abandon(delivery.hold, options));
  delivery.lease.unclaimed();
  // For how long is known when it is released.
  delivery.abandoned = why;
  return answer === null ? { is: "ledger_unreachable" } : { is: answer };
}
