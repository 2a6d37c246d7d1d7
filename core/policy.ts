// How often the machinery tries, and how long it waits in between. Pure: chance is an argument.
import type { Release } from "./states.ts";

export interface Policy {
  /** How often a step may be started before the machinery gives it up. */
  readonly maxStarts: number;
  readonly onExhausted: "report" | "park";
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Wait after a dependency failed: long enough not to spin, short enough not to be noticed. */
  readonly shortReleaseMs: number;
  /** Wait for a worker that knows a newer envelope version. */
  readonly longReleaseMs: number;
}

export const defaultPolicy: Policy = {
  maxStarts: 3,
  onExhausted: "report",
  backoffBaseMs: 1_000,
  backoffCapMs: 300_000,
  shortReleaseMs: 5_000,
  longReleaseMs: 300_000,
};

type Tags = Readonly<Record<string, string>>;

/** The policy for one step: its own tags win over the worker's settings; a tag that makes no sense is ignored. */
export function policyFor(policy: Policy, tags: Tags): Policy {
  const starts = Number(tags["taskiq/max_starts"]);
  const exhausted = tags["taskiq/on_exhausted"];
  return {
    ...policy,
    maxStarts: Number.isInteger(starts) && starts > 0 ? starts : policy.maxStarts,
    onExhausted: exhausted === "park" || exhausted === "report" ? exhausted : policy.onExhausted,
  };
}

/**
 * How long a released message stays invisible, in milliseconds. The backoff after a fault is exponential with full jitter, so that steps that
 * failed together do not come back together. `chance` is uniform in [0, 1).
 */
export function releaseMs(policy: Policy, after: Release, starts: number, chance: number): number {
  switch (after) {
    case "now":
      return 0;
    case "short":
      return policy.shortReleaseMs;
    case "long":
      return policy.longReleaseMs;
    case "backoff":
      return Math.floor(chance * Math.min(policy.backoffCapMs, policy.backoffBaseMs * 2 ** Math.max(0, starts - 1)));
  }
}
