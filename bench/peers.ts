// `npm run bench`: taskiq beside Dagster's own executors, in one run on this machine.
//
//   npm run bench                              everything
//   npm run bench -- --only throughput --storage Postgres --rounds 1
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Bench } from "./peers/bench.ts";
import { readPlan, type Section } from "./peers/plan.ts";
import { type Row, renderTable } from "./peers/rows.ts";
import { measureThroughput } from "./peers/throughput.ts";

const measure: Readonly<Record<Section, (bench: Bench) => Promise<readonly Row[]>>> = {
  throughput: measureThroughput,
};

async function main(args: readonly string[]): Promise<number> {
  const asked = readPlan(args);
  if (asked.kind === "wrong") {
    process.stderr.write(`${asked.message}\n`);
    return 2;
  }
  const bench = new Bench(asked.plan, fileURLToPath(new URL("../.venv/bin/python", import.meta.url)));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void bench.close().finally(() => process.exit(130)));
  }
  const rows: Row[] = [];
  try {
    for (const section of asked.plan.sections) rows.push(...(await measure[section](bench)));
  } finally {
    await bench.close();
  }
  process.stdout.write(`${renderTable(rows)}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
