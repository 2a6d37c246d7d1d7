// A recorder's life as its machine sees it: awake, stalled or dead, and what goes wrong with it.
import type { Surroundings } from "./border.ts";
import type { ProcessFault } from "./faults.ts";
import type { Life } from "./life.ts";
import { KILL_MS, ORPHAN_MS, type StepProcess } from "./step-process.ts";

export interface RecorderLifePorts extends Surroundings {
  readonly life: Life;
}

/** The base kills a recorder that does not answer for so long. */
const STANDS_STILL_MS = 75_000;

export class RecorderLife {
  readonly #name: string;
  readonly #ports: RecorderLifePorts;
  readonly #on: { readonly death: () => void; readonly waking: () => void };
  readonly #death = Promise.withResolvers<void>();
  #alive = true;
  #orphan = false;
  #stalledUntilMs = 0;

  constructor(name: string, ports: RecorderLifePorts, on: { death: () => void; waking: () => void }) {
    this.#name = name;
    this.#ports = ports;
    this.#on = on;
    ports.life.onDeath(() => this.#loseWorker());
  }

  get alive(): boolean {
    return this.#alive;
  }

  get stalled(): boolean {
    return this.#stalledUntilMs > this.#ports.clock.monoMs();
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#ports.trace.note(this.#name, "the recorder dies");
    this.#death.resolve();
    this.#on.death();
  }

  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#ports.clock.monoMs() + ms);
    this.#ports.clock.schedule(ms, this.#on.waking);
  }

  /** Resolves when it is awake, or dead. */
  async awake(): Promise<void> {
    const { clock } = this.#ports;
    while (this.#alive && this.stalled) {
      const wake = new Promise<void>((resolve) => void clock.schedule(this.#stalledUntilMs - clock.monoMs(), resolve));
      await Promise.race([wake, this.#death.promise]);
    }
  }

  /**
   * Passes a stage at which something may go wrong, and returns what did. It dies in the middle of
   * its caller's work, not here.
   */
  async pass(
    stage: string,
    kinds: readonly ProcessFault[],
    processes: Iterable<StepProcess>,
  ): Promise<ProcessFault | null> {
    const { faults, trace, life } = this.#ports;
    const strike = faults.at(stage, life.name, kinds);
    if (strike !== null) {
      trace.note(this.#name, `fault: ${strike.id}`);
      this.#suffer(strike.kind, strike.id, processes);
    }
    await this.awake();
    return strike?.kind ?? null;
  }

  #suffer(kind: ProcessFault, id: string, processes: Iterable<StepProcess>): void {
    const { clock, dice, leaseMs, life } = this.#ports;
    const ms = dice.between(`${id} for`, 1, dice.roll(`${id} is short`) < 0.5 ? 0.6 * leaseMs : 3 * leaseMs);
    if (kind === "recorder_stalls" || kind === "orphaned" || kind === "both_stall") this.stall(ms);
    // It stands still alone, so its base is there to kill it.
    if (kind === "recorder_stalls" && ms > STANDS_STILL_MS) clock.schedule(STANDS_STILL_MS, () => this.die());
    if (kind === "both_stall") {
      life.stall(ms);
      for (const process of processes) process.freeze(ms);
    }
    if (kind === "orphaned") {
      this.#orphan = true;
      life.die();
    }
  }

  /** One that outlives its host does so for a while at most. */
  #loseWorker(): void {
    const { clock, dice, leaseMs } = this.#ports;
    const ms = this.#orphan ? 3 * leaseMs + ORPHAN_MS : dice.between(`${this.#name} ends in`, 0, KILL_MS);
    clock.schedule(ms, () => this.die());
  }
}

/** Between the look at the log and the question for a permit. */
export const asking: readonly ProcessFault[] = ["recorder_stalls", "both_stall", "orphaned"];
/** Between the beginning of a transaction and its COMMIT. */
export const writing: readonly ProcessFault[] = [...asking, "recorder_dies", "commit_in_doubt"];
