// Outages of calls that are made again and again: one line when calls begin to fail, and one when
// they work again.
import type { Clock } from "./clock.ts";
import { Fault } from "./faults.ts";
import { counted } from "./formats/counted.ts";
import type { Observe, RepeatedObservation } from "./observe.ts";

interface Outage {
  readonly sinceMs: number;
  readonly causes: Set<string>;
  failures: number;
}

export interface OutagePorts {
  readonly clock: Pick<Clock, "monoMs">;
  readonly observe: Observe;
}

export class Outages {
  readonly #ports: OutagePorts;
  readonly #open = new Map<string, Outage>();

  constructor(ports: OutagePorts) {
    this.#ports = ports;
  }

  /** For what fails without an outage. */
  get observe(): Observe {
    return this.#ports.observe;
  }

  /**
   * Logs the first failure of each cause as it is given, and those after it at debug level until
   * `what` works. `what` names the call for an operator, such as `DeleteMessage`. The cause is a
   * Fault's code or a word.
   */
  failed(what: string, cause: unknown, observation: RepeatedObservation): void {
    const { clock, observe } = this.#ports;
    const outage = this.#open.get(what) ?? { sinceMs: clock.monoMs(), causes: new Set(), failures: 0 };
    this.#open.set(what, outage);
    const known = outage.causes.has(nameOf(cause));
    outage.causes.add(nameOf(cause));
    outage.failures += 1;
    observe(known ? { ...observation, level: "debug" } : observation);
  }

  worked(what: string): void {
    const outage = this.#open.get(what);
    if (outage === undefined) return;
    this.#open.delete(what);
    const { clock, observe } = this.#ports;
    const seconds = Math.round((clock.monoMs() - outage.sinceMs) / 1_000);
    const { failures } = outage;
    const message = `${what} works again after ${seconds} s, in which it failed ${counted(failures, "time")}`;
    observe({ event: "outage.over", level: "info", message, what, seconds, failures });
  }
}

function nameOf(cause: unknown): string {
  if (cause instanceof Fault) return cause.code;
  return cause instanceof Error ? cause.name : String(cause);
}
