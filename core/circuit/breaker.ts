// The breaker keeps the intake shut while a dependency of the worker is down, and probes until the
// intake may open again. Deliveries that wait or run go on meanwhile: only the intake asks for
// leave. `core/circuit/circuit.ts` has the rules. `core/circuit/dependencies.ts` reports the calls
// that failed and worked. Failed receives belong to the gate of their queue
// (`core/circuit/queue-gate.ts`).
import type { Bugs } from "../bugs.ts";
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
  reportable,
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
  readonly bugs: Pick<Bugs, "supervise">;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** How often the breaker looks at a circuit that is not closed. */
const LOOK_MS = 250;

export class Breaker {
  readonly #ports: BreakerPorts;
  readonly #stopped: AbortSignal;
  #circuit: Circuit = closed;
  #looking = false;
  readonly #closing: Closing;

  /** `stopped` aborts when nothing more may be received. */
  constructor(ports: BreakerPorts, stopped: AbortSignal) {
    this.#ports = ports;
    this.#stopped = stopped;
    this.#closing = new Closing(ports);
  }

  /**
   * Says why nothing is received, for operators. `null` means that all is well, or too short a time
   * has passed.
   */
  closedBecause(): string | null {
    const { reasons } = this;
    return reasons.length === 0 ? null : sentence(reasons);
  }

  /** The outages that close the intake of every queue, each with its cause. */
  get reasons(): readonly Reason[] {
    return this.#reasons(reportable(this.#circuit, this.#ports.clock.monoMs()));
  }

  /** Names the code locations that cannot be imported. `null` means that all can. */
  broken(): string | null {
    return this.#ports.runner.broken();
  }

  /**
   * Call it before each receive. `own` holds the outages of the one queue. Returns `null` if
   * nothing may be received.
   */
  leave(own: Circuit = closed): Leave | null {
    this.#log();
    return this.#ports.runner.unavailable() === null ? leaveOf([...this.#circuit, ...own]) : null;
  }

  /**
   * Returns whether the sweep may report steps. It needs no code, so a host that only cannot import
   * some will do.
   */
  mayReport(): boolean {
    return mayReport(this.#circuit);
  }

  /** Resolves when the intake, which has no leave, should ask again. */
  async pause(): Promise<void> {
    await this.#ports.clock.sleep(LOOK_MS, this.#stopped);
  }

  /** A receive brought messages, so deliveries begin. */
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
    this.#log();
    if (isTimed(circuit) && !this.#looking) void this.#ports.bugs.supervise("circuit", this.#lookAfterIt());
  }

  async #lookAfterIt(): Promise<void> {
    const { clock } = this.#ports;
    this.#looking = true;
    try {
      while (isTimed(this.#circuit) && !this.#stopped.aborted) {
        await clock.sleep(LOOK_MS, this.#stopped);
        this.#circuit = passTrials(this.#circuit, clock.monoMs());
        for (const outage of due(this.#circuit, clock.monoMs())) if (this.#canProbe(outage)) this.#beginProbe(outage);
        this.#log();
      }
    } finally {
      this.#looking = false;
    }
  }

  /**
   * Only the step host can probe some causes. While it is away, they wait: it comes back without
   * help.
   */
  #canProbe({ cause }: Outage): boolean {
    return cause === "ledger" || this.#ports.runner.unavailable() === null;
  }

  #beginProbe(outage: Outage): void {
    void this.#ports.bugs.supervise("circuit", this.#probe(outage));
  }

  async #probe(outage: Outage): Promise<void> {
    const { cause } = outage;
    this.#circuit = beginProbe(this.#circuit, cause);
    const failure = await this.#failureOf(outage);
    const { clock, chance } = this.#ports;
    this.#become(endProbe(this.#circuit, cause, failure, clock.monoMs(), chance()));
  }

  /** Probes. Resolves with `null` if the dependency works again. */
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

  #log(): void {
    if (this.#stopped.aborted) return;
    this.#closing.log(this.#reasons(unproven(this.#circuit, this.#ports.clock.monoMs())));
  }
}

/** Gives the same words for a failure of a step and of a probe. */
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
