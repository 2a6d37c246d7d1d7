// A hostile producer: it may send to the queue whatever it likes, and knows the runs, their steps
// and how ours are written. The referee says what its messages may do (run an open attempt once
// more, make it wait, be buried) and what they never do.
import { idempotencyKey, type StepId } from "../../core/step/step.ts";
import type { Dagster } from "./dagster.ts";
import type { Dice } from "./dice.ts";
import type { Producer, Sent } from "./producer.ts";
import type { RunPlan, StepPlan } from "./workload.ts";

/** What such a message asks for. */
export type Attack =
  /** The attempt that is under way, word for word or with other tags. */
  | "again"
  /** The attempt after the one that is under way. */
  | "next"
  /** An attempt that never comes. */
  | "far"
  /** A step that may not have been sent yet, since steps before it go on. */
  | "early"
  /** A step that its run does not have. */
  | "ghost"
  /** The attempt that is under way, in a body of which only run, step and attempt can be read. */
  | "malformed"
  /** A run that Dagster does not know. */
  | "unknown_run";

export interface HostilePlan {
  readonly id: string;
  readonly atMs: number;
  readonly attack: Attack;
  readonly run: RunPlan;
  readonly step: StepPlan;
  /** Tags of its own: another body under the same key. */
  readonly forged: boolean;
  readonly instance: "none" | "ours" | "theirs";
  /** In the FIFO group of the step itself, where it stands in the way; else in one of its own. */
  readonly inItsGroup: boolean;
}

const attacks = ["again", "next", "far", "early", "malformed", "ghost", "unknown_run"] as const;

/** Mostly while the runs that they are about go on. */
export function planHostile(dice: Dice, runs: readonly RunPlan[], withinMs: number): readonly HostilePlan[] {
  const count = dice.roll("a hostile producer") < 0.5 ? 0 : dice.between("hostile messages", 1, 15);
  return Array.from({ length: count }, (_, i) => {
    const id = `h${i + 1}`;
    const run = runs[dice.between(`${id} run`, 0, runs.length - 1)];
    const step = run?.steps[dice.between(`${id} step`, 0, run.steps.length - 1)];
    if (run === undefined || step === undefined) throw new Error("a world has runs, and they have steps");
    return {
      id,
      atMs: Math.min(withinMs, run.startsAtMs + dice.between(`${id} sent`, -5_000, withinMs / 4)),
      attack: dice.pick(`${id} attack`, attacks),
      run,
      step,
      forged: dice.roll(`${id} is forged`) < 0.5,
      instance: dice.pick(`${id} instance`, ["none", "ours", "ours", "theirs"]),
      inItsGroup: dice.roll(`${id} in its group`) < 0.5,
    };
  });
}

/** Sends it as the run stands now. Null: no attempt is under way that it could be about. */
export function sendHostile(
  { id, attack, run, step, forged, instance: whose, inItsGroup }: HostilePlan,
  dagster: Dagster,
  producer: Producer,
): Sent | null {
  const under = { runId: run.id, stepKey: step.key };
  const attempt = dagster.log(under).filter(({ kind }) => kind === "STEP_UP_FOR_RETRY").length;
  const asked: Readonly<Record<Attack, StepId>> = {
    again: { ...under, attempt },
    next: { ...under, attempt: attempt + 1 },
    far: { ...under, attempt: 7 },
    early: { ...under, attempt: 0 },
    ghost: { ...under, stepKey: `${step.key}_ghost`, attempt: 0 },
    malformed: { ...under, attempt },
    unknown_run: { ...under, runId: `${run.id}_unknown`, attempt: 0 },
  };
  const about = asked[attack];
  // Dagster draws the ids of its runs, so an attacker knows none before its run is there.
  if (attack !== "unknown_run" && dagster.statusOf(run.id) === null) return null;
  if ((attack === "again" || attack === "malformed") && !producer.attempts.has(idempotencyKey(about))) return null;
  const tags = forged ? { ...step.tags, forged: id } : step.tags;
  const form = attack === "malformed" ? "malformed" : "ours";
  const groupId = inItsGroup ? (step.group ?? `${run.id}:${step.key}`) : id;
  const ours = producer.instance;
  const instance = { none: null, ours, theirs: "theirs" }[whose];
  const isOurs = ours !== null && instance === ours;
  // Without an instance of its own, a worker cannot know; a run that it does not know is of another
  // unless it says otherwise.
  const isElsewhere =
    attack === "unknown_run" ? !isOurs : ours !== null && whose === "theirs" && attack !== "malformed";
  const strange = producer.signed || isElsewhere;
  return producer.sendHostile(about, { ...step, form, tags }, { instance, strange, groupId, deduplicationId: id });
}
