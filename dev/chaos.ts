// `npm run chaos`: kills workers, hosts, steps and run workers at random under real Dagster runs,
// and says whether anything was lost.
//
//   npm run chaos                                   300 steps, three workers, a new seed
//   npm run chaos -- --seed 7 --minutes 30 --workers 5
import { readArguments } from "./chaos/arguments.ts";
import { runChaos } from "./chaos/run.ts";

const asked = readArguments(process.argv.slice(2), Date.now() % 1_000_000);
if (asked.kind === "wrong") {
  process.stderr.write(`${asked.message}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await runChaos(asked.plan);
}
