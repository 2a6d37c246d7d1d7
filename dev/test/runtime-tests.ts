// The stage that runs a part of the end-to-end tests on everything else that taskiq runs on. The whole suite on one of them:
// `TASKIQ_TEST_RUNTIME=deno npm run test:e2e`.
import { type Runtime, runtimes } from "../../test/support/taskiq-command.ts";
import { ensurePackagesOf } from "../bootstrap/node-packages.mjs";
import { command } from "./command.ts";
import { nodeTests } from "./node-tests.ts";
import type { Verdict } from "./summary.ts";

const others = (Object.keys(runtimes) as Runtime[]).filter((name) => name !== "node");
const build = command([process.execPath, "build.mjs"]);

export async function runtimeTests(signal: AbortSignal): Promise<Verdict> {
  await ensurePackagesOf("test/runtimes");
  const built = await build(signal);
  if (!built.passed) return built;
  const verdicts = [];
  for (const name of others) {
    process.stdout.write(`\non ${name}:\n\n`);
    verdicts.push(await testsOn(name)(signal));
  }
  return {
    passed: verdicts.every(({ passed }) => passed),
    tests: verdicts.reduce((sum, { tests }) => sum + (tests ?? 0), 0),
    detail: verdicts.flatMap(({ detail }, i) => (detail === "" ? [] : [`${others[i]}: ${detail}`])).join(", "),
  };
}

function testsOn(name: Runtime) {
  const files = ["test/e2e/cli.test.ts", "test/e2e/startup.test.ts", "test/e2e/stopping.test.ts"];
  return nodeTests({ files, concurrency: 2, timeoutMs: 300_000, env: { TASKIQ_TEST_RUNTIME: name } });
}
