// An agent in memory, for tests on a manual clock; `test/contract/agent-fake.test.ts` holds it to
// the contract.
import type { Agent, AgentAnswer } from "../../../core/agent/port.ts";
import type { Clock } from "../../../core/clock.ts";

export class FakeAgent implements Agent {
  /** `10000 protect 10`, `10500 drop`: monotonic milliseconds of the asking first. */
  readonly asked: string[] = [];
  /** Null: not protected. */
  minutes: number | null = null;
  /** The answer that it gives without acting. `null` means that it acts. */
  no: Exclude<AgentAnswer, { kind: "done" }> | null = null;
  /** How long it takes to answer. */
  takesMs = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  protect(minutes: number, signal: AbortSignal): Promise<AgentAnswer> {
    return this.#do(`protect ${minutes}`, minutes, signal);
  }

  drop(signal: AbortSignal): Promise<AgentAnswer> {
    return this.#do("drop", null, signal);
  }

  async #do(what: string, minutes: number | null, signal: AbortSignal): Promise<AgentAnswer> {
    this.asked.push(`${this.#clock.monoMs()} ${what}`);
    const no = this.no;
    if (this.takesMs > 0) await this.#clock.sleep(this.takesMs, signal);
    if (signal.aborted) return { kind: "unknown", why: "aborted" };
    if (no === null) this.minutes = minutes;
    return no ?? { kind: "done" };
  }
}
