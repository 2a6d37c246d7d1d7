// `npm run test:dagster`: the Python tests on other versions of Dagster, each in an environment of
// its own under .taskiq/dagster.
//
//   npm run test:dagster                       the oldest supported, the last of each minor version, and the locked one
//   npm run test:dagster -- 1.10.21 1.12.22    some
//   npm run test:dagster -- 1.10.21 python/tests/test_executor.py
//
// `npm test` runs a few files on the oldest (`test/on-dagster.ts`), because all of them take too
// long. Of the 490 seconds of CPU that the Python tests take, the conformance suite alone takes
// 200, and the executor's 60.
import { readFileSync } from "node:fs";
import { chooseVersions, lockedVersion } from "./test/dagster-versions.ts";
import { onDagster } from "./test/on-dagster.ts";
import { pytest } from "./test/pytest.ts";
import { type Result, summarize } from "./test/summary.ts";

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

async function testOn(version: string, paths: readonly string[], locked: string): Promise<Result> {
  process.stdout.write(`\n── Dagster ${version} ──\n\n`);
  const check = version === locked ? pytest(paths) : onDagster(version, paths);
  const startedAt = performance.now();
  const verdict = await check(stopping.signal, (text) => process.stdout.write(text));
  return { stage: `Dagster ${version}`, ms: performance.now() - startedAt, ...verdict };
}

async function main(args: readonly string[]): Promise<number> {
  const locked = lockedVersion(readFileSync("python/requirements.in", "utf8"));
  const chosen = chooseVersions(args, locked);
  if (chosen.kind === "wrong") {
    process.stderr.write(`${chosen.message}\n`);
    return 2;
  }
  const startedAt = performance.now();
  const results: Result[] = [];
  for (const version of chosen.versions) {
    if (!stopping.signal.aborted) results.push(await testOn(version, chosen.paths, locked));
  }
  process.stdout.write(`\n${summarize(results, performance.now() - startedAt)}\n`);
  return results.length === chosen.versions.length && results.every(({ passed }) => passed) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
