// Logs when a worker, or one of its queues, stops receiving and when it receives again.
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
  /** The causes in the last log line, and since when nothing is received. */
  #shut: { readonly causes: readonly string[]; readonly sinceMs: number } | null = null;

  /** `from` names the queue, as " from <name>". Empty means the whole worker. */
  constructor(ports: ClosingPorts, from = "") {
    this.#ports = ports;
    this.#from = from;
  }

  /**
   * `reasons` are all that keep the intake shut now. Logs one line when it closes, one for each
   * cause that joins, one when it opens, and none for new words.
   */
  log(reasons: readonly Reason[]): void {
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
