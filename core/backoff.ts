// How long to wait before the next try, and how to keep a fleet from trying in step. Pure; `chance`
// is uniform in [0, 1).

export interface Doubling {
  /** The first wait. */
  readonly baseMs: number;
  /** The longest one. */
  readonly capMs: number;
}

/**
 * How a wait is spread: `full` from nothing to all of it, `half` from half to all of it, `around`
 * from half to one and a half of it. A fleet that failed together must not come back together.
 */
export type Jitter = "full" | "half" | "around";

/** Every cap has passed by then. Without a limit a base of 0 would become NaN. */
const MOST_DOUBLINGS = 60;

/** Returns the wait after so many failures in a row, 0 for the first wait, without jitter. */
export function doubled({ baseMs, capMs }: Doubling, failures: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(MOST_DOUBLINGS, Math.max(0, failures)));
}

/** Returns the wait spread by chance. */
export function jittered(waitMs: number, jitter: Jitter, chance: number): number {
  switch (jitter) {
    case "full":
      return waitMs * chance;
    case "half":
      return waitMs / 2 + (waitMs / 2) * chance;
    case "around":
      return waitMs * (0.5 + chance);
  }
}

/** Returns a function that gives the wait after so many failures in a row. */
export function backoff({
  jitter,
  ...doubling
}: Doubling & { readonly jitter: Jitter }): (failures: number, chance: number) => number {
  return (failures, chance) => jittered(doubled(doubling, failures), jitter, chance);
}
