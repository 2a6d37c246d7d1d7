// A thread's share of a simulation. A failure comes back as its story.
import { parentPort, Worker, workerData } from "node:worker_threads";
import type { Simulation, Sum } from "./simulate.ts";
import { hostRules } from "./step-process.ts";

export interface ShardEnd extends Sum {
  /** Null: no rule was broken. */
  readonly story: string | null;
}

/** Worlds are made and forgotten: with room for young objects, a tenth of the CPU is not spent on looking which of them live. */
export const roomForWorlds = { maxYoungGenerationSizeMb: 96 } as const;

type Share = Pick<Simulation, "fromSeed" | "deliveries" | "stride">;

/** Rejects only for a bug of the simulation. */
export function runShard(share: Share): Promise<ShardEnd> {
  const thread = new Worker(new URL(import.meta.url), { workerData: share, resourceLimits: roomForWorlds });
  return new Promise((resolve, reject) => {
    thread.on("message", resolve);
    thread.on("error", reject);
    thread.on("exit", (code) => reject(new Error(`the thread ended with code ${code}, without a word`)));
  });
}

/** Shares take turns at the seeds, so that together they live through all of them from `seed` on. */
export function shares(seed: number, deliveries: number, count: number): readonly Share[] {
  const each = Math.ceil(deliveries / count);
  return Array.from({ length: count }, (_, i) => ({ fromSeed: seed + i, deliveries: each, stride: count }));
}

async function work(share: Share): Promise<ShardEnd> {
  const { simulate } = await import("./simulate.ts");
  const sum = await simulate(share);
  if (sum.found === null) return { ...sum, story: null };
  const { shrink } = await import("./shrink.ts");
  const { tell } = await import("./story.ts");
  return { ...sum, story: tell(await shrink(sum.found.seed, sum.found.violation.rule, hostRules)) };
}

if (parentPort !== null && workerData !== null) parentPort.postMessage(await work(workerData));
