// The work of a world: runs of a few steps that wait for each other, what their code does, and
// messages that are none of ours.
import type { Dice } from "./dice.ts";

/** What the step's code does once it runs. */
export type Deed = "succeeds" | "raises" | "cannot_initialize";

export interface StepPlan {
  readonly key: string;
  readonly after: readonly string[];
  /** Tag `taskiq/group`. `null` means a group of its own. */
  readonly group: string | null;
  /** By attempt; the last one for those that follow. */
  readonly deeds: readonly Deed[];
  /** Of the op's RetryPolicy. */
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly durationMs: number;
  readonly hooksMs: number;
  /** Its process dies in the middle, on every worker. */
  readonly poison: boolean;
  readonly dynamic: boolean;
  /** Before that its code cannot be imported anywhere. */
  readonly importableFromMs: number;
  /** An attacker sends another body under its first attempt's key. */
  readonly forged: boolean;
  /** How its message is written. `newer`: a version that only a newer worker reads. */
  readonly form: "ours" | "bare" | "taskiq" | "malformed" | "newer";
  readonly tags: Readonly<Record<string, string>>;
}

export interface RunPlan {
  readonly id: string;
  readonly startsAtMs: number;
  /** Null: it is not. */
  readonly canceledAtMs: number | null;
  /** When another run worker takes over, and sends again what is under way. */
  readonly resumedAtMs: readonly number[];
  readonly steps: readonly StepPlan[];
}

/** A message that names no step. */
export interface GarbagePlan {
  readonly id: string;
  readonly atMs: number;
  readonly body: string;
  readonly group: string;
}

export const groups = ["oslo", "lima", "pune"] as const;
const bodies = ["not json", "[]", '{"version":1}', '{"run_id":"x","retry_count":-1}', "\u{1f4a5}"] as const;

export function planRuns(dice: Dice, { leaseMs, withinMs }: { leaseMs: number; withinMs: number }): readonly RunPlan[] {
  return Array.from({ length: dice.between("runs", 6, 18) }, (_, i) => {
    const id = `r${i + 1}`;
    const resumes = dice.roll(`${id} resumed`) < 0.3 ? dice.between(`${id} resumes`, 1, 3) : 0;
    return {
      id,
      startsAtMs: dice.between(`${id} starts`, 0, withinMs / 2),
      canceledAtMs: dice.roll(`${id} canceled`) < 0.1 ? dice.between(`${id} canceled at`, 0, withinMs) : null,
      resumedAtMs: Array.from({ length: resumes }, (_, n) => dice.between(`${id} resume ${n}`, 0, withinMs)),
      steps: planSteps(
        dice,
        id,
        leaseMs,
        dice.roll(`${id} needs a deploy`) < 0.1 ? dice.between(`${id} deployed`, 0, withinMs) : 0,
      ),
    };
  });
}

export function planGarbage(dice: Dice, withinMs: number): readonly GarbagePlan[] {
  return Array.from({ length: dice.between("garbage", 0, 3) }, (_, i) => {
    const id = `g${i + 1}`;
    return {
      id,
      atMs: dice.between(`${id} sent`, 0, withinMs / 2),
      body: dice.pick(`${id} body`, bodies),
      group: dice.pick(`${id} group`, groups),
    };
  });
}

function planSteps(dice: Dice, run: string, leaseMs: number, importableFromMs: number): readonly StepPlan[] {
  const keys = Array.from({ length: dice.between(`${run} steps`, 1, 6) }, (_, i) => `s${i + 1}`);
  const layout = dice.pick(`${run} layout`, ["chain", "fan", "mixed"]);
  return keys.map((key, i) => {
    const name = `${run}:${key}`;
    const before = keys.slice(0, i);
    const after = {
      chain: before.slice(-1),
      fan: i === keys.length - 1 ? before : [],
      mixed: before.filter((other) => dice.roll(`${name} after ${other}`) < 0.3),
    }[layout];
    return { key, after, importableFromMs, ...planStep(dice, name, leaseMs) };
  });
}

function planStep(dice: Dice, name: string, leaseMs: number): Omit<StepPlan, "key" | "after" | "importableFromMs"> {
  const is = (what: string, chance: number) => dice.roll(`${name} ${what}`) < chance;
  const retries = is("has a retry policy", 0.5) ? dice.between(`${name} retries`, 1, 3) : 0;
  const group = is("is in a group", 0.4) ? dice.pick(`${name} group`, groups) : null;
  const form = is("is ours", 0.9) ? "ours" : dice.pick(`${name} form`, ["bare", "taskiq", "malformed", "newer"]);
  return {
    group,
    retries,
    form,
    retryDelayMs: dice.between(`${name} retry delay`, 0, 20_000),
    deeds: Array.from({ length: retries + 1 }, (_, attempt) => deedOf(dice.roll(`${name} deed ${attempt}`))),
    durationMs: durationOf(dice, name, leaseMs),
    hooksMs: is("has hooks", 0.3) ? dice.between(`${name} hooks`, 1, 5_000) : 0,
    poison: is("is poison", 0.06),
    dynamic: is("is dynamic", 0.1),
    forged: is("is forged", 0.03),
    tags: {
      ...(group === null ? {} : { "taskiq/group": group }),
      ...(is("fails with its worker", 0.1) ? { "taskiq/on_worker_lost": "fail" } : {}),
      ...(is("parks", 0.05) ? { "taskiq/on_exhausted": "park" } : {}),
      ...(is("has a budget", 0.1) ? { "taskiq/max_starts": String(dice.between(`${name} budget`, 1, 5)) } : {}),
    },
  };
}

function deedOf(roll: number): Deed {
  if (roll < 0.75) return "succeeds";
  return roll < 0.93 ? "raises" : "cannot_initialize";
}

function durationOf(dice: Dice, name: string, leaseMs: number): number {
  const kind = dice.roll(`${name} length`);
  if (kind < 0.6) return dice.between(`${name} ms`, 0, 3_000);
  if (kind < 0.9) return dice.between(`${name} ms`, 3_000, leaseMs);
  return dice.between(`${name} ms`, leaseMs, 4 * leaseMs);
}
