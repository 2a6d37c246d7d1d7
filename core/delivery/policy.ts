// The policy of a step: how often taskiq starts it, and how long it waits in between. Pure.
// Chance is an argument.
import { backoff, doubled } from "../backoff.ts";
import type { Limits } from "../runner/port.ts";
import { defaultLimits, limitTags } from "./limits.ts";
import type { Release } from "./states.ts";

export interface Policy {
  /** How often a step may be started before taskiq gives it up. */
  readonly maxStarts: number;
  readonly onExhausted: "report" | "park";
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Wait after a dependency failed. It is too long to spin, and too short to be noticed. */
  readonly shortReleaseMs: number;
  /** Wait for a worker that knows a newer envelope version. */
  readonly longReleaseMs: number;
  /** The resources and the time that a step may use. */
  readonly limits: Limits;
}

export const defaultPolicy: Policy = {
  maxStarts: 3,
  onExhausted: "report",
  backoffBaseMs: 1_000,
  backoffCapMs: 300_000,
  shortReleaseMs: 5_000,
  longReleaseMs: 300_000,
  limits: defaultLimits,
};

export interface StepPolicy {
  readonly policy: Policy;
  /** One sentence for each of the step's tags that makes no sense and is ignored. */
  readonly refusedTags: readonly string[];
}

type Tags = Readonly<Record<string, string>>;

interface PolicyTag {
  readonly expects: string;
  /** Returns the change to the policy. `null` means that the value makes no sense. */
  read(value: string, policy: Policy): Partial<Policy> | null;
}

const tagsOfLimits = Object.entries(limitTags).map(([name, { expects, read }]): [string, PolicyTag] => [
  name,
  {
    expects,
    read: (value, policy) => {
      const limits = read(value, policy.limits);
      return limits === null ? null : { limits };
    },
  },
]);

const tags: Readonly<Record<string, PolicyTag>> = {
  "taskiq/max_starts": {
    expects: "a whole number from 1 to 1000",
    read: (value) => (isNumber(value, 1, 1_000) && /^\d+$/.test(value) ? { maxStarts: Number(value) } : null),
  },
  "taskiq/backoff": {
    expects: "seconds, from 0 to 300",
    read: (value) => (isNumber(value, 0, 300) ? { backoffBaseMs: Number(value) * 1_000 } : null),
  },
  "taskiq/on_exhausted": {
    expects: "report or park",
    read: (value) => (value === "report" || value === "park" ? { onExhausted: value } : null),
  },
  // The step process obeys it, because only that knows whether the step had begun.
  "taskiq/on_worker_lost": {
    expects: "rerun or fail",
    read: (value) => (value === "rerun" || value === "fail" ? {} : null),
  },
  // The step host obeys it, because that makes the process.
  "taskiq/isolation": {
    expects: "fork or spawn",
    read: (value) => (value === "fork" || value === "spawn" ? {} : null),
  },
  ...Object.fromEntries(tagsOfLimits),
};

/** Names of the tags that a worker reads. The executor reads `taskiq/queue` and `taskiq/group`. */
export const policyTags = Object.keys(tags);

/** Returns the policy for one step. Its own tags win over the worker's settings. */
export function policyFor(policy: Policy, given: Tags): StepPolicy {
  let ofStep = policy;
  const refusedTags: string[] = [];
  for (const [name, { expects, read }] of Object.entries(tags)) {
    const value = given[name];
    if (value === undefined) continue;
    const change = read(value, ofStep);
    if (change === null) refusedTags.push(`tag ${name}: expected ${expects}, got ${JSON.stringify(value)}; ignored`);
    else ofStep = { ...ofStep, ...change };
  }
  return { policy: ofStep, refusedTags };
}

/**
 * How often a message may be received before a worker stops leaving it to others that may know its
 * run: some 15 minutes of short waits. If the queue's own maxReceiveCount is smaller, SQS moves the
 * message first, and the sweep of a worker that knows the run ends its step.
 */
export const MOST_STRANGE_RECEIVES = 10;

/** The cost of a message so far. SQS counts its receives, and the ledger counts its starts. */
export interface Counts {
  readonly receives: number;
  readonly starts: number;
}

/** A message may cost so many receives before the wait grows. */
const CHEAP_RECEIVES = 3;

/**
 * Returns how long a released message stays invisible, in milliseconds. The backoff after a fault
 * is exponential with full jitter, so that steps that failed together do not come back together.
 * The short wait grows with the receives that a message has cost. In an outage it may meet one
 * worker after the other, which each have to notice the outage, and SQS moves a message that was
 * received too often. `chance` is uniform in [0, 1).
 */
export function releaseMs(policy: Policy, after: Release, { receives, starts }: Counts, chance: number): number {
  switch (after) {
    case "now":
      return 0;
    case "short":
      return doubled({ baseMs: policy.shortReleaseMs, capMs: policy.longReleaseMs }, receives - CHEAP_RECEIVES);
    case "long":
      return policy.longReleaseMs;
    case "backoff": {
      const { backoffBaseMs: baseMs, backoffCapMs: capMs } = policy;
      return Math.floor(backoff({ baseMs, capMs, jitter: "full" })(starts - 1, chance));
    }
  }
}

function isNumber(text: string, min: number, max: number): boolean {
  const number = Number(text);
  return /^\d+(?:\.\d+)?$/.test(text) && number >= min && number <= max;
}
