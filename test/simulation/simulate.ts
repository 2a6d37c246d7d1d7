// World after world, until enough deliveries were seen, time is up, or a rule was broken.

import { liveThrough } from "./live.ts";
import type { Violation } from "./referee.ts";
import { type HostRules, hostRules } from "./step-process.ts";
import { wholeWorld } from "./world.ts";

export interface Simulation {
  readonly fromSeed: number;
  /** At least so many. */
  readonly deliveries: number;
  /** Begins no world after this time (Unix milliseconds). */
  readonly untilMs?: number;
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
  /** The last broken world. `null` means that no rule was broken. */
  readonly found: Found | null;
  /** No world from this seed on was lived through. */
  readonly nextSeed: number;
}

/** Ends at the first broken world; with `onBroken`, calls it and goes on. */
export async function simulate(
  { fromSeed, deliveries, untilMs = Number.POSITIVE_INFINITY, stride = 1, rules = hostRules }: Simulation,
  onBroken: ((found: Found) => Promise<void>) | null = null,
): Promise<Sum> {
  const sum = { worlds: 0, deliveries: 0, faults: 0 };
  let found: Found | null = null;
  let seed = fromSeed;
  for (; sum.deliveries < deliveries && Date.now() < untilMs; seed += stride) {
    const { violation, ...report } = await liveThrough(seed, wholeWorld, rules, true);
    sum.worlds += 1;
    sum.deliveries += report.deliveries;
    sum.faults += report.struck.length;
    if (violation === null) continue;
    found = { seed, violation };
    if (onBroken === null) break;
    await onBroken(found);
  }
  return { ...sum, found, nextSeed: seed };
}

/**
 * Two broken worlds of one kind mostly have one cause: the rule, and what was seen, without the
 * names and numbers of the world.
 */
export function kindOf({ rule, detail }: Violation): string {
  return `${rule}: ${detail.replaceAll(/\b[a-z]+\d[\w.:/]*|\d+/g, "…")}`;
}
