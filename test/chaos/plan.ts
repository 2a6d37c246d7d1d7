// What a chaos run is to do. The seed gives what is launched and which faults and acts come in
// which order; when they meet which step is the machine's doing.
import { type ActName, acts } from "./acts.ts";

export interface ChaosPlan {
  readonly seed: number;
  readonly workers: number;
  readonly fifo: boolean;
  /** Of Dagster and of the ledger. */
  readonly database: "sqlite" | "postgres";
  /**
   * `each_once`: every act there is, then no more runs. Else acts at random until so many steps are
   * launched or minutes have passed.
   */
  readonly until: { readonly is: "each_once" } | { readonly is: "steps" | "minutes"; readonly number: number };
}

/** The smallest `--visibility-timeout`: leases shorter than that are no use to anybody. */
export const LEASE_MS = 10_000;

/** They begin first where each is done once, so that what is short fits in beside them. */
const lengthy: readonly ActName[] = ["stop_worker", "freeze_container"];

/** How often an act is drawn; the rest weigh 2. */
const weights: Partial<Record<ActName, number>> = { kill_step: 3, deliver_again: 3, lock_ledger: 1, queue_outage: 1 };

const names = Object.keys(acts) as ActName[];

export function* actsOf({ until }: ChaosPlan, chance: () => number): Generator<ActName> {
  if (until.is === "each_once") return yield* lengthyFirst(shuffled(names, chance));
  const pool = names.flatMap((name) => new Array<ActName>(weights[name] ?? 2).fill(name));
  while (true) {
    const name = pool[Math.floor(chance() * pool.length)];
    if (name !== undefined) yield name;
  }
}

function lengthyFirst(order: readonly ActName[]): readonly ActName[] {
  const isLengthy = (name: ActName) => lengthy.includes(name);
  return [...order.filter(isLengthy), ...order.filter((name) => !isLengthy(name))];
}

function shuffled<T>(things: readonly T[], chance: () => number): T[] {
  return things
    .map((thing) => ({ thing, rank: chance() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ thing }) => thing);
}
