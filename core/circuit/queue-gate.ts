// The gate of one queue decides whether it may be received from. It is shut while the queue's
// receives fail, which shuts no other gate, and while the breaker is open, which shuts all.
// `core/circuit/circuit.ts` has the rules.

import type { Quiet } from "../admission/quiet.ts";
import { quietReason } from "../admission/quiet-requests.ts";
import type { Clock } from "../clock.ts";
import { describeError, Fault, type FaultCode } from "../faults.ts";
import type { Observe } from "../observe.ts";
import type { Breaker } from "./breaker.ts";
import { beginProbe, type Circuit, closed, due, endProbe, type Leave, mayReport, reportable, trip } from "./circuit.ts";
import { Closing } from "./closing.ts";

export interface GatePorts {
  readonly breaker: Pick<Breaker, "leave" | "received" | "mayReport">;
  /** While an operator asks for quiet, nothing is received though all is well. */
  readonly quiet: Pick<Quiet, "asked">;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/**
 * Throttling, network errors and missing credentials are reported only once they have lasted this
 * long.
 */
const QUEUE_PATIENCE_MS = 30_000;
const PASSING: readonly FaultCode[] = ["TQ_QUEUE", "TQ_CREDENTIALS"];

export class QueueGate {
  readonly #ports: GatePorts;
  readonly #from: string;
  readonly #stopped: AbortSignal;
  #circuit: Circuit = closed;
  readonly #closing: Closing;

  /**
   * `name` is `null` for the only queue of a worker, which needs none. `stopped` aborts when
   * nothing more may be received.
   */
  constructor(ports: GatePorts, name: string | null, stopped: AbortSignal) {
    this.#ports = ports;
    this.#from = name === null ? "" : ` from ${name}`;
    this.#closing = new Closing(ports, this.#from);
    this.#stopped = stopped;
  }

  /**
   * The intake calls it before each receive and while it waits for leave. Returns `null` if nothing
   * may be received.
   */
  leave(): Leave | null {
    const { breaker, clock } = this.#ports;
    // The next receive is the probe.
    if (due(this.#circuit, clock.monoMs()).length > 0) this.#circuit = beginProbe(this.#circuit, "queue");
    this.#log();
    const leave = breaker.leave(this.#circuit);
    return this.#ports.quiet.asked.length > 0 ? null : leave;
  }

  received(count: number): void {
    const { breaker, clock } = this.#ports;
    this.#circuit = endProbe(this.#circuit, "queue", null, clock.monoMs(), 0);
    this.#log();
    breaker.received(count);
  }

  /** `sinceMs` is the monotonic time at which that receive began. */
  receiveFailed(error: unknown, sinceMs: number): void {
    const { clock, chance, observe } = this.#ports;
    const why = describeError(error);
    const passing = !(error instanceof Fault) || PASSING.includes(error.code);
    const first = this.#circuit.length === 0;
    // A failure that does not pass without help is logged below, as the reason for closing.
    const level = first && passing ? "warn" : "debug";
    observe({ event: "intake.receive_failed", level, message: `could not receive${this.#from}: ${why}` });
    const failed = endProbe(this.#circuit, "queue", why, clock.monoMs(), chance());
    const patienceMs = passing ? Math.max(0, sinceMs + QUEUE_PATIENCE_MS - clock.monoMs()) : 0;
    this.#circuit = trip(failed, { cause: "queue", why, patienceMs }, clock.monoMs(), chance());
    this.#log();
  }

  /**
   * Says why nothing is received from this queue. `null` means that all is well, or too short a
   * time has passed.
   */
  closedBecause(): string | null {
    const asked = this.#ports.quiet.asked.map(quietReason);
    const reasons = [...asked, ...this.#failing()];
    return reasons.length === 0 ? null : reasons.join("; ");
  }

  /**
   * Says why receives of this queue fail. `null` means that they do not, or have failed for too
   * short a time.
   */
  failing(): string | null {
    return this.#failing().join("; ") || null;
  }

  /** Returns whether the sweep may report steps of this queue. */
  mayReport(): boolean {
    const { quiet, breaker } = this.#ports;
    return quiet.asked.length === 0 && mayReport(this.#circuit) && breaker.mayReport();
  }

  #failing(): readonly string[] {
    return reportable(this.#circuit, this.#ports.clock.monoMs()).map(({ why }) => why);
  }

  #log(): void {
    if (!this.#stopped.aborted) this.#closing.log(reportable(this.#circuit, this.#ports.clock.monoMs()));
  }
}
