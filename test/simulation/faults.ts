// Which fault strikes where. Each place that a fault can strike has a name, `ledger.settle
// run-1:load #2`, and its die is thrown by that name.
import type { Dice } from "./dice.ts";

/** Between a worker and a service, around one effect. */
export const callFaults = [
  /** The worker dies before the effect: it never happens. */
  "crash_before",
  /** The effect happens, then the worker dies without the answer. */
  "crash_after",
  "stall_before",
  "stall_after",
  /** An error, and no effect: throttled, refused connection. */
  "refused",
  /** An error, though the effect happened: the answer got lost. */
  "lost",
  /** The request takes long; it arrives also when its sender is dead by then. */
  "late_request",
  "late_answer",
  /**
   * In batch calls, some entries fail alone. In receives, messages are taken, and the answer is
   * empty.
   */
  "partial",
] as const;

/** In a step process, at one of its stages. */
export const processFaults = [
  "process_dies",
  "process_stalls",
  /** The worker dies, and this process outlives it for a while. */
  "orphaned",
  /** The worker is stalled, the process goes on. */
  "worker_stalls",
  /** The worker is stalled, and the process with it. */
  "both_stall",
  /** Only of a terminal write: it raises, whether or not it stands. */
  "write_in_doubt",
  /** Only of the first look at the log: Dagster's storage cannot be reached. */
  "instance_down",
  "host_dies",
  "recorder_dies",
  "recorder_stalls",
  /** Of a recorder: the answer to its COMMIT gets lost. */
  "commit_in_doubt",
] as const;

export type CallFault = (typeof callFaults)[number];
export type ProcessFault = (typeof processFaults)[number];
export type FaultKind = CallFault | ProcessFault;

/** Per place that it can strike, 0 to 1. */
export type Rates = Readonly<Partial<Record<FaultKind, number>>>;

export interface Strike<Kind extends FaultKind = FaultKind> {
  readonly kind: Kind;
  readonly id: string;
}

export interface FaultPlanOptions {
  readonly dice: Dice;
  readonly rates: Rates;
  readonly nowMs: () => number;
  /** From then on there are none, so that every run can end. */
  readonly endMs: number;
  /** Null: every fault the dice name. Else only these, by id. */
  readonly only: ReadonlySet<string> | null;
}

export class FaultPlan {
  /** Ids of those that struck. */
  readonly struck: string[] = [];
  readonly #options: FaultPlanOptions;
  readonly #visits = new Map<string, number>();
  readonly #live = new Map<readonly FaultKind[], boolean>();

  constructor(options: FaultPlanOptions) {
    this.#options = options;
  }

  /** Called once each time a place is passed. `about` is a part of its name. */
  at<Kind extends FaultKind>(where: string, about: string, kinds: readonly Kind[]): Strike<Kind> | null {
    const { dice, rates, nowMs, endMs } = this.#options;
    if (nowMs() >= endMs || !this.#mayStrike(kinds)) return null;
    const place = `${where} ${about}`;
    const visit = (this.#visits.get(place) ?? 0) + 1;
    this.#visits.set(place, visit);
    const name = `${place} #${visit}`;
    let roll = dice.roll(name);
    for (const kind of kinds) {
      const rate = rates[kind] ?? 0;
      if (roll < rate) return this.#strike({ kind, id: `${name} ${kind}` });
      roll -= rate;
    }
    return null;
  }

  /** Most kinds are off in most worlds: then the place needs neither a name nor a die. */
  #mayStrike(kinds: readonly FaultKind[]): boolean {
    const known = this.#live.get(kinds);
    if (known !== undefined) return known;
    const live = kinds.some((kind) => (this.#options.rates[kind] ?? 0) > 0);
    this.#live.set(kinds, live);
    return live;
  }

  /** Whether this one, which the scenario names itself, takes place. */
  admits(id: string): boolean {
    const { only } = this.#options;
    if (only !== null && !only.has(id)) return false;
    this.struck.push(id);
    return true;
  }

  #strike<Kind extends FaultKind>(strike: Strike<Kind>): Strike<Kind> | null {
    return this.admits(strike.id) ? strike : null;
  }
}
