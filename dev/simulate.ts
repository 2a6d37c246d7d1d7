// `npm run simulate`: simulated fleets, as many deliveries as asked for, from a seed on. A failure is told with its seed and its smallest trace.
//
//   npm run simulate                                        100,000 deliveries, from a seed that is made up and told
//   npm run simulate -- --deliveries 1000000 --seed 7       a million, from seed 7 on
//   npm run simulate -- --deliveries 1 --seed 7             the world of seed 7 alone
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runShard, type ShardEnd, shares } from "../test/simulation/shard.ts";

async function main(args: string[]): Promise<number> {
  const options = read(args);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  const { deliveries, seed } = options;
  const threads = Math.min(deliveries === 1 ? 1 : availableParallelism(), deliveries);
  process.stdout.write(`${deliveries} deliveries from seed ${seed} on, in ${threads} thread(s)\n`);
  const startedAt = performance.now();
  const ends = await Promise.all(shares(seed, deliveries, threads).map(runShard));
  for (const { story } of ends) if (story !== null) process.stdout.write(`\n${story}\n`);
  process.stdout.write(`\n${summary(ends, (performance.now() - startedAt) / 1000)}\n`);
  return ends.every(({ found }) => found === null) ? 0 : 1;
}

/** The options, or what is wrong with them. */
function read(args: string[]): { readonly deliveries: number; readonly seed: number } | string {
  try {
    const { values } = parseArgs({ args, options: { deliveries: { type: "string" }, seed: { type: "string" } } });
    const given = { deliveries: "100000", seed: String(randomInt(1, 1_000_000_000)), ...values };
    for (const [name, text] of Object.entries(given)) {
      const isCount = Number.isSafeInteger(Number(text)) && Number(text) > 0;
      if (!isCount) return `--${name}: expected a whole number above zero, got "${text}"`;
    }
    return { deliveries: Number(given.deliveries), seed: Number(given.seed) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function summary(ends: readonly ShardEnd[], seconds: number): string {
  const total = (of: (end: ShardEnd) => number) => ends.reduce((sum, end) => sum + of(end), 0);
  const deliveries = total((end) => end.deliveries);
  const broken = ends.filter(({ found }) => found !== null).map(({ found }) => `seed ${found?.seed}`);
  const verdict = broken.length === 0 ? "no rule was broken" : `broken by ${broken.join(", ")}`;
  const rate = Math.round(deliveries / seconds);
  return `${total((end) => end.worlds)} worlds, ${deliveries} deliveries, ${total((end) => end.faults)} faults in ${seconds.toFixed(1)} s (${rate}/s): ${verdict}`;
}

process.exitCode = await main(process.argv.slice(2));
