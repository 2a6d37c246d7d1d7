// A check of `taskiq doctor`: what was found, how good that is, and what to do. One that fails, or
// hangs, hides no other.
import { systemClock as clock } from "../../core/clock.ts";
import { describeError, Fault } from "../../core/faults.ts";
import { inSeconds } from "../../core/formats/durations.ts";

export type Level = "ok" | "warn" | "fail";

/** The names are stable: scripts match on them. */
export const CHECK_NAMES = [
  "configuration",
  "credentials",
  "queue",
  "permissions",
  "dead letters",
  "clock",
  "ledger",
  "python",
  "versions",
  "instance",
  "code location",
  "dagster home",
  "temporary files",
  "stop timeout",
] as const;

export interface Finding {
  readonly check: (typeof CHECK_NAMES)[number];
  readonly level: Level;
  readonly found: string;
  /** Null where there is nothing to do. */
  readonly todo: string | null;
}

export function ok(check: Finding["check"], found: string): Finding {
  return { check, level: "ok", found, todo: null };
}

export function warn(check: Finding["check"], found: string, todo: string): Finding {
  return { check, level: "warn", found, todo };
}

export function fail(check: Finding["check"], found: string, todo: string | null): Finding {
  return { check, level: "fail", found, todo };
}

/**
 * Returns a failed line of that name if the check rejects, or does not answer within `withinMs`.
 */
export async function perform(
  check: Finding["check"],
  withinMs: number,
  ask: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    const answer = await clock.within(withinMs, ask());
    if (answer.inTime) return answer.value;
    const found = `no answer within ${inSeconds(withinMs)}`;
    return [fail(check, found, "Check the network, or give it longer with --timeout.")];
  } catch (error) {
    return [failed(check, error)];
  }
}

/** The line of a check that rejected. */
export function failed(check: Finding["check"], error: unknown): Finding {
  return fail(check, describeError(error), error instanceof Fault ? (error.hint ?? null) : null);
}
