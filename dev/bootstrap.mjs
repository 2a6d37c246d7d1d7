// Makes a fresh checkout able to run, then hands over: `npm start` and `npm test` begin here. Plain
// JavaScript without dependencies, because Node 18 may be all there is and node_modules may not
// exist yet.
//
//   node dev/bootstrap.mjs                 set up only
//   node dev/bootstrap.mjs start --keep    set up, then run dev/start.ts with --keep on the project's own Node
import { fileURLToPath } from "node:url";
import { exclusively } from "./bootstrap/exclusive.mjs";
import { handOver } from "./bootstrap/hand-over.mjs";
import { ensureNodePackages } from "./bootstrap/node-packages.mjs";
import { ensurePythonPackages } from "./bootstrap/python-packages.mjs";
import { SetupError } from "./bootstrap/setup-error.mjs";

/** @type {Readonly<Record<string, string>>} */
const scripts = {
  start: "dev/start.ts",
  test: "dev/test.ts",
  build: "build.mjs",
  docs: "dev/docs.ts",
  simulate: "dev/simulate.ts",
  chaos: "dev/chaos.ts",
  bench: "bench/peers.ts",
  "image-check": "dev/image-check.ts",
  "test-dagster": "dev/test-dagster.ts",
};

/** @param {string[]} argv */
async function main([script, ...args]) {
  if (process.platform === "win32") {
    throw new SetupError("taskiq needs Linux or macOS: it forks a process per step", "on Windows, use WSL 2");
  }
  const file = script === undefined ? null : scripts[script];
  if (file === undefined) {
    const known = Object.keys(scripts).join(", ");
    throw new SetupError(`expected one of ${known} as the script to run, got "${script}"`);
  }
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  await exclusively(".taskiq/bootstrap.lock", async () => {
    await ensureNodePackages();
    await ensurePythonPackages();
  });
  return file === null ? 0 : handOver(file, args);
}

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`\n${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(explain);
