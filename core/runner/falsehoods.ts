// What a process may claim as its outcome. User code shares its process, so a claim that cannot be
// true is a fault. Pure.
import type { Outcome, WorkerFrame } from "./frames.ts";

export type Order = Extract<WorkerFrame, { type: "run" | "report" | "notice" | "probe" | "look" }>["type"];

const ofSteps: readonly Order[] = ["run", "report"];

/**
 * Which orders each kind of outcome answers; a kind that is not listed answers those about a step.
 */
const answers: Readonly<Partial<Record<Outcome["kind"], readonly Order[]>>> = {
  success: ["run"],
  failure: ["run"],
  up_for_retry: ["run"],
  resource_init_failure: ["run"],
  rerun_refused: ["run"],
  reported: ["report"],
  parked: ["report"],
  noticed: ["notice"],
  probed: ["probe"],
  looked: ["look"],
  fault: ["run", "report", "notice", "probe", "look"],
};

/** How an attempt ends in Dagster's event log. */
const recorded: ReadonlySet<string> = new Set(["success", "failure", "up_for_retry", "resource_init_failure"]);
/** None of those is written without a permit, unless the claim is settled with it. */
const underPermit: ReadonlySet<string> = new Set([...recorded, "reported"]);

/** Kinds that say the state which their result has. */
const stated: ReadonlySet<string> = new Set([...underPermit, "run_over", "parked"]);

/** What the worker has let a process do. */
export interface Leave {
  /** It granted the permit. */
  readonly permitted: boolean;
  /** It named the ledger's row, to be settled with the terminal event. */
  readonly maySettle: boolean;
}

/** Returns why this outcome cannot be true of a process with that order and leave, or `null`. */
export function falsehoodIn(outcome: Outcome, order: Order, { permitted, maySettle }: Leave): string | null {
  const { kind } = outcome;
  const settled = "settled" in outcome && outcome.settled === true;
  // A permit takes the row out of the one state in which the step host may settle it.
  if (settled && (!maySettle || permitted || !underPermit.has(kind))) return `${kind} that is settled already`;
  if (!(answers[kind] ?? ofSteps).includes(order)) return `${kind} does not answer a ${order}`;
  if (underPermit.has(kind) && !permitted && !settled) return `${kind} without a permit`;
  if (kind === "not_open" && permitted) return `${kind} with a permit`;
  if (!("result" in outcome)) return null;
  const { state } = outcome.result;
  const fits = kind === "already_recorded" ? recorded.has(state) : !stated.has(kind) || state === kind;
  return fits ? null : `${kind} with the state ${state}`;
}
