// The stage of `deploy/`, a package of its own: installed only here, built as its users build it,
// then tested against Pulumi's mocks. Last, what it would deploy is run.
import { ensurePackagesOf } from "../bootstrap/node-packages.mjs";
import { command, type Print } from "./command.ts";
import { nodeTests } from "./node-tests.ts";
import type { Verdict } from "./summary.ts";

const tsc = "deploy/node_modules/.bin/tsc";
const compile = command([tsc, "-p", "deploy/tsconfig.build.json"], [tsc, "-p", "deploy"]);
const tests = nodeTests({
  files: ["deploy/test/*.test.ts", "test/deploy/*.test.ts"],
  concurrency: 2,
  timeoutMs: 180_000,
});

export async function deployTests(signal: AbortSignal, print: Print): Promise<Verdict> {
  await ensurePackagesOf("deploy");
  const compiled = await compile(signal, print);
  return compiled.passed ? await tests(signal, print) : compiled;
}
