// A bug in one delivery must not end the worker's other steps: only bugs in loops do
// (`core/bugs.ts`).
import { fieldsOfBody } from "../lease/message-fields.ts";
import type { Observe } from "../observe.ts";
import type { Received } from "./delivery.ts";
import type { Disposition } from "./states.ts";

/**
 * Settles as `work` does. If `work` rejects, logs the bug and lets go of the message, which comes
 * back when its visibility ends.
 */
export async function lostByBug(
  { lease }: Pick<Received, "lease">,
  observe: Observe,
  work: Promise<Disposition>,
): Promise<Disposition> {
  try {
    return await work;
  } catch (error) {
    const message = `bug in taskiq, please report it: ${error instanceof Error ? error.stack : error}`;
    observe({ event: "delivery.bug", level: "error", message, ...fieldsOfBody(lease.message) });
    await lease.end();
    return "lost";
  }
}
