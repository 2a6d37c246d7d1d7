// The gate of one queue: whether it may be received from. Shut while its receives fail, which is no other queue's business, or while the
// breaker is, which is everybody's. `core/circuit/circuit.ts` has the rules.

import type { Quiet } from "../admission/quiet.ts";
import { quietReason } from "../admission/quiet-requests.ts";
import type { Clock } from "../clock.ts";
import { describeError, Fault, type FaultCode } from "../faults.ts";
import type { Observe } from "../observe.ts";
import type { Breaker } from "./breaker.ts";
import { beginProbe, type Circuit, closed, due, endProbe, type Leave, mayReport, told, trip } from "./circuit.ts";
import { Closing } from "./closing.ts";

export interface GatePorts {
  readonly breaker: Pick<Breaker, "leave" | "received" | "mayReport">;
  /** While it is asked for, nothing is received though all is well. */
  readonly quiet: Pick<Quiet, "asked">;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** Throttling, network errors and missing credentials are reported only once they have lasted this long. */
const QUEUE_PATIENCE_MS = 30_000;
const PASSING: readonly FaultCode[] = ["TQ_QUEUE", "TQ_CREDENTIALS"];

export class QueueGate {
  readonly #ports: GatePorts;
  readonly #from: string;
  readonly #stopped: AbortSignal;
  #circuit: Circuit = closed;
  readonly #closing: Closing;

  /** `name` is null for the only queue of a worker, which needs none. `stopped` aborts when nothing is to be received any more. */
  constructor(ports: GatePorts, name: string | null, stopped: AbortSignal) {
    this.#ports = ports;
    this.#from = name === null ? "" : ` from ${name}`;
    this.#closing = new Closing(ports, this.#from);
    this.#stopped = stopped;
  }

  /** For the intake, before each receive and while it waits for leave; null: receive nothing. */
  leave(): Leave | null {
    const { breaker, clock } = this.#ports;
    // The next receive is the probe.
    if (due(this.#circuit, clock.monoMs()).length > 0) this.#circuit = beginProbe(this.#circuit, "queue");
    this.#tell();
    const leave = breaker.leave(this.#circuit);
    return this.#ports.quiet.asked.length > 0 ? null : leave;
  }

  received(count: number): void {
    const { breaker, clock } = this.#ports;
    this.#circuit = endProbe(this.#circuit, "queue", null, clock.monoMs(), 0);
    this.#tell();
    breaker.received(count);
  }

  /** `sinceMs` is the monotonic time at which that receive began. */
  receiveFailed(error: unknown, sinceMs: number): void {
    const { clock, chance, observe } = this.#ports;
    const why = describeError(error);
    const passing = !(error instanceof Fault) || PASSING.includes(error.code);
    const first = this.#circuit.length === 0;
    // What does not pass by itself is told as the reason for closing, below.
    const level = first && passing ? "warn" : "debug";
    observe({ event: "intake.receive_failed", level, message: `could not receive${this.#from}: ${why}` });
    const failed = endProbe(this.#circuit, "queue", why, clock.monoMs(), chance());
    const patienceMs = passing ? Math.max(0, sinceMs + QUEUE_PATIENCE_MS - clock.monoMs()) : 0;
    this.#circuit = trip(failed, { cause: "queue", why, patienceMs }, clock.monoMs(), chance());
    this.#tell();
  }

  /** Why nothing of this queue is received; null when all is well, or when it is too early to tell. */
  closedBecause(): string | null {
    const asked = this.#ports.quiet.asked.map(quietReason);
    const failing = told(this.#circuit, this.#ports.clock.monoMs()).map(({ why }) => why);
    const reasons = [...asked, ...failing];
    return reasons.length === 0 ? null : reasons.join("; ");
  }

  /** For whoever ends steps of this queue without their code. */
  mayReport(): boolean {
    const { quiet, breaker } = this.#ports;
    return quiet.asked.length === 0 && mayReport(this.#circuit) && breaker.mayReport();
  }

  #tell(): void {
    if (!this.#stopped.aborted) this.#closing.tell(told(this.#circuit, this.#ports.clock.monoMs()));
  }
}
