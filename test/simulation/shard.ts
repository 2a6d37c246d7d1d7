// A thread's share of a simulation. Broken worlds come back as they are found, the first of each
// kind as its story.
import { parentPort, Worker, workerData } from "node:worker_threads";
import type { Simulation, Sum } from "./simulate.ts";
import { hostRules } from "./step-process.ts";

export interface Broken {
  readonly kind: string;
  readonly seed: number;
  /** Its smallest world. `null` means that this share has posted one of its kind. */
  readonly story: string | null;
}

/**
 * Worlds are made and forgotten: with room for young objects, a tenth of the CPU is not spent on
 * looking which of them live.
 */
export const roomForWorlds = { maxYoungGenerationSizeMb: 96 } as const;

export interface Share extends Pick<Simulation, "fromSeed" | "deliveries" | "stride" | "untilMs"> {
  /** Go on after a broken world. */
  readonly goOn?: boolean;
}

type Posted = { readonly broken: Broken } | { readonly sum: Sum };

/** Rejects only for a bug of the simulation. */
export function runShard(share: Share, onBroken: (broken: Broken) => void): Promise<Sum> {
  const thread = new Worker(new URL(import.meta.url), { workerData: share, resourceLimits: roomForWorlds });
  return new Promise((resolve, reject) => {
    thread.on("message", (posted: Posted) => ("sum" in posted ? resolve(posted.sum) : onBroken(posted.broken)));
    thread.on("error", reject);
    thread.on("exit", (code) => reject(new Error(`the thread ended with code ${code}, without a word`)));
  });
}

/**
 * Shares take turns at the seeds, so that together they live through all of them from `seed` on.
 */
export function shares({ fromSeed, deliveries, ...rest }: Share, count: number): readonly Share[] {
  const each = Math.ceil(deliveries / count);
  return Array.from({ length: count }, (_, i) => ({
    ...rest,
    fromSeed: fromSeed + i,
    deliveries: each,
    stride: count,
  }));
}

async function work({ goOn = false, ...share }: Share, post: (posted: Posted) => void): Promise<void> {
  const { kindOf, simulate } = await import("./simulate.ts");
  const { shrink } = await import("./shrink.ts");
  const { storyOf } = await import("./story.ts");
  const kinds = new Set<string>();
  const onFound = async ({ seed, violation }: NonNullable<Sum["found"]>) => {
    const kind = kindOf(violation);
    const story = kinds.has(kind) ? null : storyOf(await shrink(seed, violation.rule, hostRules));
    kinds.add(kind);
    post({ broken: { kind, seed, story } });
  };
  const sum = await simulate(share, goOn ? onFound : null);
  if (!goOn && sum.found !== null) await onFound(sum.found);
  post({ sum });
}

const port = parentPort;
if (port !== null && workerData !== null) await work(workerData, (posted) => port.postMessage(posted));
