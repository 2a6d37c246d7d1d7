// Asks for the task's protection while steps run, and drops it after. `protection.ts` decides. No
// step waits for the agent, or stops when it refuses.
import type { Agent, AgentAnswer } from "../../agent/port.ts";
import type { Clock } from "../../clock.ts";
import type { StepProtection } from "../../delivery/effects/ports.ts";
import { inSeconds } from "../../formats/durations.ts";
import type { Observe } from "../../observe.ts";
import { type Asked, answered, busy, nextMove, type Protection, paused, unprotected } from "./protection.ts";

export interface ProtectionPorts {
  readonly agent: Agent;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** Timers stand still while a machine is suspended. ECS's minutes do not. */
const LONGEST_WAIT_MS = 30_000;
/** How long a stop waits for the agent. ECS is ending the task anyway. */
const LAST_DROP_MS = 1_000;

export class TaskProtection implements StepProtection {
  readonly #ports: ProtectionPorts;
  readonly #maxMs: number;
  #state: Protection = unprotected;
  /** Deliveries whose step has begun. */
  #steps = 0;
  #changed = new AbortController();
  readonly #givenUp = new AbortController();
  #ending = false;
  #loop: Promise<void> = Promise.resolve();

  /** `maxMs`: how long the task is protected without a pause in its work. */
  constructor(ports: ProtectionPorts, maxMs: number) {
    this.#ports = ports;
    this.#maxMs = maxMs;
  }

  /** Asks until `stop`. Rejects only for a bug. */
  async start(): Promise<void> {
    this.#loop = this.#keep();
    await this.#loop;
  }

  /** The step of a delivery begins. */
  begin(): void {
    this.#steps += 1;
    if (this.#steps === 1) this.#become(busy(this.#state, this.#ports.clock.monoMs()));
  }

  /** The delivery of a step that began has met its end. */
  end(): void {
    this.#steps -= 1;
    if (this.#steps === 0) this.#become(paused(this.#state, this.#ports.clock.monoMs()));
  }

  /** Stops protecting running steps, until `resume`. */
  release(): void {
    this.#become({ ...this.#state, released: true });
  }

  resume(): void {
    this.#become({ ...this.#state, released: false });
  }

  /** Drops the protection for good, unless that takes too long. */
  async stop(): Promise<void> {
    this.#ending = true;
    this.release();
    const dropped = Promise.allSettled([this.#loop]);
    if (!(await this.#ports.clock.within(LAST_DROP_MS, dropped)).inTime) this.#givenUp.abort();
    await dropped;
  }

  #become(state: Protection): void {
    this.#state = state;
    this.#changed.abort();
  }

  async #keep(): Promise<void> {
    const { clock } = this.#ports;
    while (!this.#givenUp.signal.aborted) {
      this.#changed = new AbortController();
      const move = nextMove(this.#state, this.#maxMs, clock.monoMs());
      if ("ask" in move) await this.#ask(move);
      else if (this.#ending) return;
      else await clock.sleep(Math.min(move.waitMs, LONGEST_WAIT_MS), this.#changed.signal);
    }
  }

  async #ask(move: Asked["move"]): Promise<void> {
    const { agent, clock, chance } = this.#ports;
    const askedAtMs = clock.monoMs();
    const { signal } = this.#givenUp;
    const answer = await (move.ask === "protect" ? agent.protect(move.minutes, signal) : agent.drop(signal));
    this.#log(move, answer);
    const asked = { move, askedAtMs, answer, nowMs: clock.monoMs(), chance: chance() };
    this.#state = answered(this.#state, asked, this.#maxMs);
  }

  /** Logs each change once, and the first failure in a row. */
  #log(move: Asked["move"], answer: AgentAnswer): void {
    const { observe, clock } = this.#ports;
    if (answer.kind !== "done") {
      const what = move.ask === "protect" ? "protect this task from being stopped" : "end this task's protection";
      const level = this.#state.failures === 0 ? "warn" : "debug";
      observe({ event: "protection.failed", level, message: `could not ${what}: ${answer.why}`, ask: move.ask });
    } else if (move.ask === "protect") {
      const level = this.#state.untilMs > clock.monoMs() ? "debug" : "info";
      const message = "while steps run, no scale-in and no deploy stops this task";
      observe({ event: "protection.on", level, message, minutes: move.minutes });
    } else {
      const message = `a scale-in or a deploy may stop this task: ${this.#why()}`;
      observe({ event: "protection.off", level: this.#steps > 0 ? "warn" : "info", message, steps: this.#steps });
    }
  }

  #why(): string {
    if (this.#state.released) return "it takes nothing new";
    return this.#steps === 0 ? "no step runs" : `it has been busy for ${inSeconds(this.#maxMs)} without a pause`;
  }
}
