// `npm test`: runs the stages one after the other, each to its end, and closes with a summary.
//
//   npm test                          everything
//   npm test -- quick                 types, lint, unit, contract: under a minute
//   npm test -- unit python           some stages
//   npm test -- test/unit/step.test.ts python/tests/test_envelope.py
import { select } from "./test/selection.ts";
import { type Stage, stages } from "./test/stages.ts";
import { type Result, summarize } from "./test/summary.ts";

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

async function runAll(chosen: readonly Stage[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const stage of chosen) {
    const failed = stage.needs.find((name) => results.some((result) => result.stage === name && !result.passed));
    if (stopping.signal.aborted) results.push(notRun(stage, "stopped"));
    else if (failed !== undefined) results.push(notRun(stage, `${failed} failed`));
    else results.push(await runStage(stage));
  }
  return results;
}

async function runStage(stage: Stage): Promise<Result> {
  process.stdout.write(`\n── ${stage.name}: ${stage.what} ──\n\n`);
  const startedAt = performance.now();
  const verdict = await stage.run(stopping.signal);
  return { stage: stage.name, ms: performance.now() - startedAt, ...verdict };
}

function notRun(stage: Stage, why: string): Result {
  return { stage: stage.name, ms: null, passed: false, tests: null, detail: why };
}

async function main(args: readonly string[]): Promise<number> {
  const selection = select(args, stages);
  if (selection.kind === "unknown") {
    process.stderr.write(`${selection.message}\n`);
    return 2;
  }
  const results = await runAll(selection.stages);
  process.stdout.write(`\n${summarize(results)}\n`);
  return results.every((result) => result.passed) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
