// What a run of the bench measures, and how long.
import { parseArgs } from "node:util";
import type { Storage } from "./instance.ts";

export const sections = ["throughput", "chain", "slots", "sizes", "fan-out"] as const;
export type Section = (typeof sections)[number];

export interface Plan {
  readonly sections: readonly Section[];
  readonly storages: readonly Storage[];
  readonly rounds: number;
  /** Only those whose name holds this. */
  readonly contender: string;
  /** Ops of the job for contenders that take a second or more for each. */
  readonly slowOps: 10 | 20;
  /** Ops of the largest job among those that are compared by size. */
  readonly largestJob: number;
  /** Of the dynamic fan-out. */
  readonly width: number;
  /** Whether the published page and plots are replaced. */
  readonly write: boolean;
}

export type Asked =
  | { readonly kind: "plan"; readonly plan: Plan }
  | { readonly kind: "wrong"; readonly message: string };

const options = {
  only: { type: "string" },
  storage: { type: "string" },
  contender: { type: "string", default: "" },
  rounds: { type: "string" },
  "largest-job": { type: "string", default: "1000" },
  width: { type: "string" },
  write: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
} as const;

const storages = ["Postgres", "SQLite"] as const;

export function readPlan(args: readonly string[]): Asked {
  try {
    const { values } = parseArgs({ args: [...args], options });
    const plan = {
      sections: chosen("--only", values.only, sections),
      storages: chosen("--storage", values.storage, storages),
      contender: values.contender,
      rounds: count("--rounds", values.rounds ?? (values.quick ? "3" : "7")),
      largestJob: count("--largest-job", values["largest-job"]),
      width: count("--width", values.width ?? (values.quick ? "200" : "10000")),
      write: values.write,
      slowOps: values.quick ? 10 : 20,
    } as const;
    return { kind: "plan", plan };
  } catch (error) {
    return { kind: "wrong", message: error instanceof Error ? error.message : String(error) };
  }
}

function chosen<T extends string>(name: string, text: string | undefined, known: readonly T[]): readonly T[] {
  const words = text?.split(",") ?? known;
  const unknown = words.find((word) => !known.some((each) => each === word));
  if (unknown !== undefined) throw new Error(`${name}: expected some of ${known.join(", ")}, got "${unknown}"`);
  return known.filter((each) => words.includes(each));
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`${name}: expected a whole number above zero, got "${text}"`);
  }
  return value;
}
