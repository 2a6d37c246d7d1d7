// World after world, until enough deliveries were seen or a rule was broken.

import { liveThrough } from "./live.ts";
import type { Violation } from "./referee.ts";
import { type HostRules, hostRules } from "./step-process.ts";
import { wholeWorld } from "./world.ts";

export interface Simulation {
  readonly fromSeed: number;
  /** At least so many. */
  readonly deliveries: number;
  /** From one seed to the next; several simulations side by side take turns. */
  readonly stride?: number;
  readonly rules?: HostRules;
}

export interface Found {
  readonly seed: number;
  readonly violation: Violation;
}

export interface Sum {
  readonly worlds: number;
  readonly deliveries: number;
  readonly faults: number;
  readonly found: Found | null;
}

export async function simulate({ fromSeed, deliveries, stride = 1, rules = hostRules }: Simulation): Promise<Sum> {
  const sum = { worlds: 0, deliveries: 0, faults: 0 };
  for (let seed = fromSeed; sum.deliveries < deliveries; seed += stride) {
    const report = await liveThrough(seed, wholeWorld, rules);
    sum.worlds += 1;
    sum.deliveries += report.deliveries;
    sum.faults += report.struck.length;
    if (report.violation !== null) return { ...sum, found: { seed, violation: report.violation } };
  }
  return { ...sum, found: null };
}
