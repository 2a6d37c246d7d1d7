// `npm run simulate`: simulated fleets, as many deliveries as asked for, from a seed on. Prints
// each failure with its seed and its smallest trace.
//
//   npm run simulate                                        100,000 deliveries, from a random seed, which it prints
//   npm run simulate -- --deliveries 1000000 --seed 7       a million, from seed 7 on
//   npm run simulate -- --deliveries 1 --seed 7             the world of seed 7 alone
//   npm run simulate -- --minutes 60                        for an hour, and on after a broken world
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { counted } from "../core/formats/counted.ts";
import { type Broken, runShard, type Share, shares } from "../test/simulation/shard.ts";
import type { Sum } from "../test/simulation/simulate.ts";

async function main(args: string[]): Promise<number> {
  const options = read(args);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  const { fromSeed, deliveries, goOn } = options;
  const threads = Math.min(deliveries === 1 ? 1 : availableParallelism(), deliveries);
  const howMuch = goOn ? "as many deliveries as there is time for" : `${deliveries} deliveries`;
  process.stdout.write(`${howMuch} from seed ${fromSeed} on, in ${counted(threads, "thread")}\n`);
  const startedAt = performance.now();
  const kinds = new Map<string, number[]>();
  const sums = await Promise.all(shares(options, threads).map((share) => runShard(share, (one) => print(one, kinds))));
  for (const [kind, seeds] of kinds)
    process.stdout.write(`\n${counted(seeds.length, "world")}: ${kind}: seeds ${some(seeds)}\n`);
  process.stdout.write(`\n${summary(sums, kinds, (performance.now() - startedAt) / 1000)}\n`);
  return kinds.size === 0 ? 0 : 1;
}

/** The story of the first world of each kind, as soon as it is known. */
function print({ kind, seed, story }: Broken, kinds: Map<string, number[]>): void {
  const seeds = kinds.get(kind);
  if (seeds === undefined && story !== null) process.stdout.write(`\n${story}\n`);
  kinds.set(kind, [...(seeds ?? []), seed]);
}

function some(seeds: readonly number[]): string {
  const [first, more] = [seeds.slice(0, 10), seeds.length - 10];
  return `${first.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The options, or what is wrong with them. */
function read(args: string[]): Share | string {
  try {
    const option = { type: "string" } as const;
    const { values } = parseArgs({ args, options: { deliveries: option, seed: option, minutes: option } });
    const { deliveries, minutes, seed = String(randomInt(1, 2 ** 32)) } = values;
    if (deliveries !== undefined && minutes !== undefined) return "expected --deliveries or --minutes, got both";
    for (const [name, text] of Object.entries({ ...values, seed })) {
      const isCount = Number.isSafeInteger(Number(text)) && Number(text) > 0;
      if (!isCount) return `--${name}: expected a whole number above zero, got "${text}"`;
    }
    if (minutes === undefined) return { fromSeed: Number(seed), deliveries: Number(deliveries ?? 100_000) };
    const untilMs = Date.now() + Number(minutes) * 60_000;
    return { fromSeed: Number(seed), deliveries: Number.MAX_SAFE_INTEGER, untilMs, goOn: true };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function summary(sums: readonly Sum[], kinds: ReadonlyMap<string, readonly number[]>, seconds: number): string {
  const total = (of: (sum: Sum) => number) => sums.reduce((all, sum) => all + of(sum), 0);
  const deliveries = total((sum) => sum.deliveries);
  const broken = [...kinds.values()].flat().map((seed) => `seed ${seed}`);
  const verdict = broken.length === 0 ? "no rule was broken" : `broken by ${broken.slice(0, 10).join(", ")}`;
  const rate = Math.round(deliveries / seconds);
  const next = `go on with --seed ${Math.max(...sums.map(({ nextSeed }) => nextSeed))}`;
  return `${total((sum) => sum.worlds)} worlds, ${deliveries} deliveries, ${total((sum) => sum.faults)} faults in ${seconds.toFixed(1)} s (${rate}/s): ${verdict}; ${next}`;
}

process.exitCode = await main(process.argv.slice(2));
