// `npm test`: runs the stages, three at a time, each to its end, and closes with a summary.
//
//   npm test                          everything
//   npm test -- quick                 types, lint, unit, contract: about a minute
//   npm test -- unit python           some stages
//   npm test -- test/unit/step/step.test.ts python/tests/test_envelope.py
import { spawnSync } from "node:child_process";
import type { Print } from "./test/command.ts";
import { select } from "./test/selection.ts";
import { runSideBySide } from "./test/side-by-side.ts";
import { type Stage, stages } from "./test/stages.ts";
import { type Result, summarize } from "./test/summary.ts";

/**
 * On two cores, two stages leave a fifth of the time unused, while they wait for processes, leases
 * and polls. A third stage uses it. More stages would only make each other late.
 */
const AT_A_TIME = 3;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

const write: Print = (text) => void process.stdout.write(text);

/**
 * A stage alone prints as it goes; of several, each prints all it said when it ends, so that none
 * is torn apart by another.
 */
async function runStage(stage: Stage, alone: boolean): Promise<Result> {
  const said: (string | Uint8Array)[] = [`\n── ${stage.name}: ${stage.what} ──\n\n`];
  if (alone) said.splice(0).forEach(write);
  else write(`${stage.name} …\n`);
  const startedAt = performance.now();
  const verdict = await stage.run(stopping.signal, alone ? write : (text) => said.push(text));
  said.forEach(write);
  return { stage: stage.name, ms: performance.now() - startedAt, ...verdict };
}

async function main(args: readonly string[]): Promise<number> {
  const selection = select(args, stages);
  if (selection.kind === "unknown") {
    process.stderr.write(`${selection.message}\n`);
    return 2;
  }
  // Where PYTHONDONTWRITEBYTECODE is set, each of the many Python processes would compile it again.
  spawnSync(".venv/bin/python", ["-m", "compileall", "-q", "python/src"]);
  const startedAt = performance.now();
  const alone = selection.stages.length === 1;
  const run = (stage: Stage) => runStage(stage, alone);
  const results = await runSideBySide(selection.stages, AT_A_TIME, run, stopping.signal);
  process.stdout.write(`\n${summarize(results, performance.now() - startedAt)}\n`);
  return results.every((result) => result.passed) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
