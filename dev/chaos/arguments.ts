// The arguments of `npm run chaos`.
import { parseArgs } from "node:util";
import type { ChaosPlan } from "../../test/chaos/plan.ts";

export type Arguments =
  | { readonly kind: "plan"; readonly plan: ChaosPlan }
  | { readonly kind: "wrong"; readonly message: string };

const usage =
  "npm run chaos -- [--seed N] [--steps N | --minutes N] [--workers N] [--queue fifo|standard] [--database sqlite|postgres]";
const STEPS = 300;

export function readArguments(args: readonly string[], anySeed: number): Arguments {
  try {
    return { kind: "plan", plan: planOf(args, anySeed) };
  } catch (error) {
    return { kind: "wrong", message: `${error instanceof Error ? error.message : error}\n${usage}` };
  }
}

function planOf(args: readonly string[], anySeed: number): ChaosPlan {
  const text = { type: "string" } as const;
  const options = { seed: text, steps: text, minutes: text, workers: text, queue: text, database: text };
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const { queue = "fifo", database = "sqlite" } = values;
  if (queue !== "fifo" && queue !== "standard") throw new Error(`--queue: expected fifo or standard, got "${queue}"`);
  if (database !== "sqlite" && database !== "postgres")
    throw new Error(`--database: expected sqlite or postgres, got "${database}"`);
  if (values.steps !== undefined && values.minutes !== undefined) {
    throw new Error("expected --steps or --minutes, got both");
  }
  const until = values.minutes === undefined ? "steps" : "minutes";
  return {
    seed: numberOf("seed", values.seed, anySeed, 0),
    workers: numberOf("workers", values.workers, 3, 3),
    fifo: queue === "fifo",
    database,
    until: { is: until, number: numberOf(until, values[until], STEPS, 1) },
  };
}

function numberOf(name: string, text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least && /^\d+$/.test(text)) return number;
  throw new Error(`--${name}: expected a whole number, ${least} or more, got "${text}"`);
}
