// Tells the log when nothing is received any more, and when it is again: of a whole worker, or of one of its queues.
import type { Clock } from "../clock.ts";
import type { Observe } from "../observe.ts";
import type { Outage } from "./circuit.ts";

export type Reason = Pick<Outage, "cause" | "why">;

export interface ClosingPorts {
  readonly clock: Pick<Clock, "monoMs">;
  readonly observe: Observe;
}

export class Closing {
  readonly #ports: ClosingPorts;
  readonly #from: string;
  /** What the log was last told, and since when nothing is received. */
  #shut: { readonly causes: readonly string[]; readonly sinceMs: number } | null = null;

  /** `from`: which queue's receives are meant, as " from <name>"; empty for all that there are. */
  constructor(ports: ClosingPorts, from = "") {
    this.#ports = ports;
    this.#from = from;
  }

  /** All that stands in the way now. One line when it closes, one for each cause that joins, one when it opens; none for a change of words. */
  tell(reasons: readonly Reason[]): void {
    const { clock, observe } = this.#ports;
    const before = this.#shut;
    const causes = reasons.map(({ cause }) => cause);
    this.#shut = causes.length === 0 ? null : { causes, sinceMs: before?.sinceMs ?? clock.monoMs() };
    if (causes.some((cause) => before?.causes.includes(cause) !== true)) {
      const message = `not receiving${this.#from}: ${sentence(reasons)}`;
      observe({ event: "intake.closed", level: "error", message, causes: causes.join(" ") });
    } else if (before !== null && causes.length === 0) {
      const seconds = Math.round((clock.monoMs() - before.sinceMs) / 1_000);
      observe({
        event: "intake.open",
        level: "info",
        message: `receiving again${this.#from} after ${seconds} s`,
        seconds,
      });
    }
  }
}

export function sentence(reasons: readonly Pick<Reason, "why">[]): string {
  return reasons.map(({ why }) => why).join("; ");
}
