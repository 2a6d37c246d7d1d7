// `npm run bench`: taskiq beside Dagster's own executors, in one run on this machine.
//
//   npm run bench                              everything, as published: an hour
//   npm run bench -- --quick                   fewer rounds and steps: ten minutes
//   npm run bench -- --only throughput,chain --storage Postgres --rounds 1
//   npm run bench -- --write                   the result goes to bench/RESULTS.md and docs/performance.svg
import process from "node:process";
import { fileURLToPath } from "node:url";
import { run } from "../dev/bootstrap/run.mjs";
import { Bench } from "./peers/bench.ts";
import { measureChain } from "./peers/chain.ts";
import { measureFanOut, measureJobSizes } from "./peers/job-size.ts";
import { readPlan, type Section } from "./peers/plan.ts";
import { describeMachine, renderResults, writeResults } from "./peers/results.ts";
import type { Row } from "./peers/rows.ts";
import { measureSlots } from "./peers/slots.ts";
import { measureThroughput } from "./peers/throughput.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const python = `${root}.venv/bin/python`;

const measure: Readonly<Record<Section, (bench: Bench) => Promise<readonly Row[]>>> = {
  throughput: measureThroughput,
  chain: measureChain,
  slots: measureSlots,
  sizes: measureJobSizes,
  "fan-out": measureFanOut,
};

async function main(args: readonly string[]): Promise<number> {
  const asked = readPlan(args);
  if (asked.kind === "wrong") {
    process.stderr.write(`${asked.message}\n`);
    return 2;
  }
  process.chdir(root);
  await run("Building the bundle", process.execPath, ["build.mjs", "bundle"]);
  const bench = new Bench(asked.plan, python);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void bench.close().finally(() => process.exit(130)));
  }
  const rows: Row[] = [];
  try {
    for (const section of asked.plan.sections) rows.push(...(await measure[section](bench)));
  } finally {
    await bench.close();
  }
  const text = renderResults(rows, asked.plan, describeMachine(python));
  process.stdout.write(text);
  if (asked.plan.write) writeResults(text, bench.points);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
