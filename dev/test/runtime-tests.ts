// The stages that run a part of the end-to-end tests on everything else that taskiq runs on. The whole suite on one of them:
// `TASKIQ_TEST_RUNTIME=deno npm run test:e2e`.
import { type Runtime, runtimes } from "../../test/support/taskiq-command.ts";
import { ensurePackagesOf } from "../bootstrap/node-packages.mjs";
import { type Check, command, type Print } from "./command.ts";
import { nodeTests } from "./node-tests.ts";
import type { Verdict } from "./summary.ts";

export const otherRuntimes = (Object.keys(runtimes) as Runtime[]).filter((name) => name !== "node");

const build = command([process.execPath, "build.mjs"]);

/** What the tests on all of them need. */
export async function prepareRuntimes(signal: AbortSignal, print: Print): Promise<Verdict> {
  await ensurePackagesOf("test/runtimes");
  return await build(signal, print);
}

export function testsOn(name: Runtime): Check {
  const files = ["test/e2e/cli.test.ts", "test/e2e/startup.test.ts", "test/e2e/stopping.test.ts"];
  // Deno leaves it to the container to have an init.
  files.push(name === "deno" ? "test/runtimes/deno-permissions.test.ts" : "test/e2e/pid-one.test.ts");
  return nodeTests({ files, concurrency: 2, timeoutMs: 300_000, env: { TASKIQ_TEST_RUNTIME: name } });
}
