// The breaker: keeps the intake shut while something that a worker depends on is down, and probes until it may open again. What is
// waiting or running goes on meanwhile: only the intake asks for leave. `core/circuit/circuit.ts` has the rules, `core/circuit/dependencies.ts` tells of
// what fails and works. Receives that fail are the gate's of their queue (`core/circuit/queue-gate.ts`).
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import type { ProbeFailure, Runner } from "../runner/port.ts";
import {
  beginProbe,
  type Cause,
  type Circuit,
  closed,
  due,
  endProbe,
  type Failure,
  isTimed,
  type Leave,
  leaveOf,
  mayReport,
  type Outage,
  passTrials,
  told,
  tried,
  trip,
  unproven,
  worked,
} from "./circuit.ts";
import { Closing, type Reason, sentence } from "./closing.ts";

export interface BreakerPorts {
  readonly ledger: Pick<Ledger, "ping">;
  readonly runner: Pick<Runner, "probe" | "unavailable" | "broken">;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** How often a circuit that is not closed is looked at. */
const LOOK_MS = 250;

export class Breaker {
  readonly #ports: BreakerPorts;
  readonly #stopped: AbortSignal;
  #circuit: Circuit = closed;
  #looking = false;
  readonly #closing: Closing;

  /** `stopped` aborts when nothing is to be received any more. */
  constructor(ports: BreakerPorts, stopped: AbortSignal) {
    this.#ports = ports;
    this.#stopped = stopped;
    this.#closing = new Closing(ports);
  }

  /** Why nothing is received, for operators; null when all is well, or when it is too early to tell. */
  closedBecause(): string | null {
    const reasons = this.#reasons(told(this.#circuit, this.#ports.clock.monoMs()));
    return reasons.length === 0 ? null : sentence(reasons);
  }

  /** Which code locations cannot be imported; null when all can. */
  broken(): string | null {
    return this.#ports.runner.broken();
  }

  /** Before each receive; `own`: what stands in the way of the one queue. Null: receive nothing. */
  leave(own: Circuit = closed): Leave | null {
    this.#tell();
    return this.#ports.runner.unavailable() === null ? leaveOf([...this.#circuit, ...own]) : null;
  }

  /** For whoever ends steps without their code. A host that only cannot import it is good enough for that. */
  mayReport(): boolean {
    return mayReport(this.#circuit);
  }

  /** For the intake while it has no leave: resolves when it is time to ask again. */
  async pause(): Promise<void> {
    await this.#ports.clock.sleep(LOOK_MS, this.#stopped);
  }

  /** Messages came. */
  received(count: number): void {
    if (count > 0) this.#become(tried(this.#circuit, this.#ports.clock.monoMs()));
  }

  failed(failure: Failure): void {
    const { clock, chance } = this.#ports;
    this.#become(trip(this.#circuit, failure, clock.monoMs(), chance()));
  }

  worked(...causes: readonly Cause[]): void {
    this.#become(causes.reduce(worked, this.#circuit));
  }

  #become(circuit: Circuit): void {
    this.#circuit = circuit;
    this.#tell();
    if (isTimed(circuit) && !this.#looking) void this.#lookAfterIt();
  }

  async #lookAfterIt(): Promise<void> {
    const { clock } = this.#ports;
    this.#looking = true;
    try {
      while (isTimed(this.#circuit) && !this.#stopped.aborted) {
        await clock.sleep(LOOK_MS, this.#stopped);
        this.#circuit = passTrials(this.#circuit, clock.monoMs());
        for (const outage of due(this.#circuit, clock.monoMs())) if (this.#canProbe(outage)) void this.#probe(outage);
        this.#tell();
      }
    } finally {
      this.#looking = false;
    }
  }

  /** A step host that is away comes back by itself; what only it can find out has to wait for it. */
  #canProbe({ cause }: Outage): boolean {
    return cause === "ledger" || this.#ports.runner.unavailable() === null;
  }

  async #probe(outage: Outage): Promise<void> {
    const { cause } = outage;
    this.#circuit = beginProbe(this.#circuit, cause);
    const failure = await this.#failureOf(outage);
    const { clock, chance } = this.#ports;
    this.#become(endProbe(this.#circuit, cause, failure, clock.monoMs(), chance()));
  }

  /** Null when it works again. */
  async #failureOf({ cause, runId }: Outage): Promise<string | null> {
    const { ledger, runner } = this.#ports;
    if (cause !== "ledger") {
      const failure = await runner.probe(runId);
      return failure === null ? null : describeFailure(failure);
    }
    try {
      await ledger.ping();
      return null;
    } catch (error) {
      return describeError(error);
    }
  }

  #reasons(outages: Circuit): readonly Reason[] {
    const away = this.#ports.runner.unavailable();
    if (away === null) return outages;
    return [{ cause: "host", why: away }, ...outages.filter(({ cause }) => cause !== "host")];
  }

  #tell(): void {
    if (this.#stopped.aborted) return;
    this.#closing.tell(this.#reasons(unproven(this.#circuit, this.#ports.clock.monoMs())));
  }
}

/** The same words whether a step or a probe met it. */
export function describeFailure({ scope, error }: ProbeFailure): string {
  const detail = `${error.class}: ${error.message}`;
  switch (scope) {
    case "instance":
      return `the Dagster instance cannot be reached: ${detail}`;
    case "location":
      return `the code of the steps cannot be imported: ${detail}`;
    case "host":
      return error.message;
    case "step":
      return `no process can be started for a step: ${detail}`;
  }
}
