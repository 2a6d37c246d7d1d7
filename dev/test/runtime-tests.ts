// The stages that run a part of the tests on everything else that taskiq runs on. The whole
// end-to-end suite on one of them: `TASKIQ_TEST_RUNTIME=deno npm run test:e2e`.
import { globSync } from "node:fs";
import { deno, oldestNode, type Runtime, runtimes } from "../../test/support/taskiq/taskiq-command.ts";
import { ensurePackagesOf } from "../bootstrap/node-packages.mjs";
import { type Check, type CommandLine, command, type Print } from "./command.ts";
import { nodeTests } from "./node-tests.ts";
import type { Verdict } from "./summary.ts";

export const otherRuntimes = (Object.keys(runtimes) as Runtime[]).filter((name) => name !== "node");

const build = command([process.execPath, "build.mjs"]);

/** What the tests on all of them need. */
export async function prepareRuntimes(signal: AbortSignal, print: Print): Promise<Verdict> {
  await ensurePackagesOf("test/runtimes");
  return await build(signal, print);
}

/**
 * Of the built thing, by a Node that tests: every command, what is refused and how, and one run of
 * Dagster, with whatever a step can print.
 */
const part = [
  "test/runtimes/walk.test.ts",
  "test/e2e/cli.test.ts",
  "test/e2e/refusals.test.ts",
  "test/e2e/output.test.ts",
];

/**
 * Of the sources, by the runtime itself, where it can: what leans on it most, SQLite and child
 * processes, in every case.
 */
const inside = ["test/contract/ledger-sqlite.test.ts", "test/contract/runner-host*.test.ts"];
const insideFiles = [...inside, "test/integration/ledger-sqlite-file.test.ts"];

export function testsOn(name: Runtime): Check {
  // Deno leaves it to the container to have an init.
  const files = [...part, name === "deno" ? "test/runtimes/deno-permissions.test.ts" : "test/e2e/pid-one.test.ts"];
  const outer = nodeTests({ files, concurrency: 2, timeoutMs: 300_000, env: { TASKIQ_TEST_RUNTIME: name } });
  return async (signal, print) => {
    const outside = await outer(signal, print);
    const line = lineInside(name);
    if (line === null) return outside;
    const within = await command(line)(signal, print);
    const details = [outside.detail, within.detail].filter((detail) => detail !== "");
    return { ...outside, passed: outside.passed && within.passed, detail: details.join(", ") };
  };
}

function lineInside(name: Runtime): CommandLine | null {
  const files = insideFiles.flatMap((pattern) => globSync(pattern));
  if (name === "deno")
    return [deno(), "test", "--allow-all", "--no-check", "--no-lock", "--node-modules-dir=manual", ...files];
  return name === "oldest-node" ? [oldestNode(), "--no-warnings", "--test", ...files] : null;
}
