// The world of a seed: the fleet, the queue, the runs and their steps, and the faults at set times.
// Each world has other rules and other faults switched on (swarm testing), because worlds that are
// all alike find the same bugs.
import { defaultPolicy, type Policy } from "../../core/delivery/policy.ts";
import { Dice } from "./dice.ts";
import { callFaults, processFaults, type Rates } from "./faults.ts";
import { type HostilePlan, planHostile } from "./hostile.ts";
import { type GarbagePlan, groups, planGarbage, planRuns, type RunPlan } from "./workload.ts";

export interface Scenario {
  readonly seed: number;
  readonly fifo: boolean;
  readonly workers: number;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly policy: Policy;
  readonly maxReceiveCount: number;
  readonly sweepMs: number;
  /** Identity of the Dagster instance; null where its storage has none. */
  readonly instance: string | null;
  /** Dagster's storage is one for which step hosts have a recorder. */
  readonly records: boolean;
  /** The ledger lives in Dagster's database: recorders settle rows with their terminal events. */
  readonly oneDatabase: boolean;
  /** Run workers and workers share a key. */
  readonly signed: boolean;
  readonly runs: readonly RunPlan[];
  readonly garbage: readonly GarbagePlan[];
  readonly hostile: readonly HostilePlan[];
  /**
   * Groups of letters of other programs that lie in the dead letter queue: about a page of them.
   */
  readonly strangers: readonly string[];
  readonly rates: Rates;
  readonly incidents: readonly Incident[];
  /** From then on nothing goes wrong any more. */
  readonly calmFromMs: number;
}

/** What happens to the whole, whatever anyone is doing. */
export interface Incident {
  readonly id: string;
  readonly atMs: number;
  readonly kind:
    | "crash"
    | "stall"
    | "stop"
    | "ledger_down"
    | "dagster_down"
    | "fails_over"
    | "queue_down"
    | "host_dies"
    | "deliver_again";
  /** A worker's place in the fleet. */
  readonly place: number;
  readonly forMs: number;
}

export const WRITE_BOUND_MS = 5_000;
const minutes = 60_000;

export function planScenario(seed: number): Scenario {
  const dice = new Dice(seed);
  const workers = dice.between("workers", 1, 4);
  const leaseMs = dice.pick("lease", [10_000, 20_000, 60_000]);
  const calmFromMs = dice.between("calm from", 5, 15) * minutes;
  const runs = planRuns(dice, { leaseMs, withinMs: calmFromMs });
  return {
    seed,
    fifo: dice.roll("fifo") < 0.6,
    workers,
    concurrency: dice.between("concurrency", 1, 6),
    leaseMs,
    waitMs: dice.pick("wait", [5_000, 20_000]),
    policy: {
      ...defaultPolicy,
      maxStarts: dice.between("max starts", 1, 4),
      onExhausted: dice.roll("on exhausted") < 0.2 ? "park" : "report",
      backoffCapMs: dice.pick("backoff cap", [10_000, 60_000, 300_000]),
      longReleaseMs: 120_000,
    },
    maxReceiveCount: dice.pick("most receives", [2, 3, 5, 1_000, 1_000]),
    sweepMs: 20_000,
    records: dice.roll("has a recorder each") < 0.6,
    oneDatabase: dice.roll("has one database") < 0.5,
    signed: dice.roll("is signed") < 0.3,
    instance: dice.roll("has an identity") < 0.7 ? "ours" : null,
    runs,
    garbage: planGarbage(dice, calmFromMs),
    hostile: planHostile(dice, runs, calmFromMs),
    strangers: planStrangers(dice),
    rates: planRates(dice),
    incidents: planIncidents(dice, { workers, leaseMs, calmFromMs }),
    calmFromMs,
  };
}

/** Too few of one group to hide others for good: ten would. */
function planStrangers(dice: Dice): readonly string[] {
  const count = dice.roll("strangers") < 0.5 ? 0 : dice.between("how many strangers", 6, 12);
  return Array.from({ length: count }, (_, i) =>
    dice.roll(`stranger ${i} is in a group`) < 0.3 ? `stranger-${i}` : (groups[i % groups.length] ?? "oslo"),
  );
}

/** Half of the kinds are off, the others from rare to frequent. */
function planRates(dice: Dice): Rates {
  const rate = (kind: string) =>
    dice.roll(`${kind} is on`) < 0.5 ? 0 : dice.pick(`rate of ${kind}`, [0.005, 0.02, 0.05]);
  const deadly = new Set<string>([
    "crash_before",
    "crash_after",
    "host_dies",
    "stall_before",
    "stall_after",
    "recorder_dies",
  ]);
  const kinds = [...callFaults, ...processFaults];
  return Object.fromEntries(kinds.map((kind) => [kind, rate(kind) * (deadly.has(kind) ? 0.3 : 1)]));
}

function planIncidents(
  dice: Dice,
  { workers, leaseMs, calmFromMs }: { workers: number; leaseMs: number; calmFromMs: number },
): readonly Incident[] {
  const kinds = [
    ["crash", 0],
    ["stall", 3 * leaseMs],
    ["stop", 30_000],
    ["ledger_down", 2 * leaseMs],
    ["dagster_down", 60_000],
    ["fails_over", 60_000],
    ["queue_down", 60_000],
    ["host_dies", 0],
    ["deliver_again", 0],
  ] as const;
  return kinds.flatMap(([kind, longestMs]) => {
    const count = dice.roll(`${kind} happens`) < 0.5 ? 0 : dice.between(`how often ${kind}`, 1, 4);
    return Array.from({ length: count }, (_, i) => {
      const id = `${kind} ${i + 1}`;
      return {
        id,
        kind,
        atMs: dice.between(`when ${id}`, 0, calmFromMs),
        place: dice.between(`where ${id}`, 0, workers - 1),
        forMs: dice.between(`how long ${id}`, 0, longestMs),
      };
    });
  });
}
