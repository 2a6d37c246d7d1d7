// The npm package: the bundle and a command that starts it, without dependencies.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OLDEST_NODE } from "../../cli/node-version.ts";

/**
 * From the checkout, and from what was built. The bundle keeps its name: stack traces from
 * production have it.
 */
const pages = ["LICENSE", "README.md", "CHANGELOG.md"];
const built = ["taskiq.mjs", "LICENSES.txt"];

/**
 * Takes the bundle and the licences from `outdir`, leaves the archive there, and returns its file
 * name.
 */
export function buildNpmPackage(root: string, outdir: string): string {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-npm-"));
  try {
    for (const name of pages) copyFileSync(join(root, name), join(folder, name));
    for (const name of built) copyFileSync(join(outdir, name), join(folder, name));
    const command = readFileSync(join(root, "dev/build/npm/taskiq.cjs"), "utf8");
    writeFileSync(join(folder, "taskiq.cjs"), command.replace("OLDEST_NODE", OLDEST_NODE), { mode: 0o755 });
    const manifest = npmManifest(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    return pack(folder, outdir);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface RootManifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly repository: object;
  readonly engines: object;
}

/**
 * The package's own manifest. The checkout's has what development needs, and is private.
 * `provenance` makes npm refuse to publish from anywhere but a CI that can attest where the package
 * was built.
 */
export function npmManifest({ version, description, license, repository, engines }: RootManifest) {
  return {
    name: NPM_NAME,
    version,
    description,
    keywords: ["dagster", "sqs", "worker", "queue"],
    license,
    repository,
    type: "module",
    bin: { taskiq: "taskiq.cjs" },
    files: ["taskiq.cjs", ...built, ...pages],
    engines,
    os: ["linux", "darwin"],
    publishConfig: { access: "public", provenance: true },
  };
}

/**
 * In a scope: PyPI's `taskiq` is another project, and a bare name here would be taken for its own.
 */
export const NPM_NAME = "@dagster-taskiq/worker";

/** npm gives every file in an archive the same time and owner. */
function pack(folder: string, outdir: string): string {
  mkdirSync(outdir, { recursive: true });
  const args = ["pack", "--json", "--ignore-scripts", "--offline", "--pack-destination", outdir];
  const report: unknown = JSON.parse(execFileSync("npm", args, { cwd: folder, encoding: "utf8" }));
  // A list up to npm 11, an object by package name from npm 12 on.
  const [packed] = Object.values(report as Readonly<Record<string, { readonly filename: string }>>);
  if (packed === undefined)
    throw new Error(`npm pack: expected a report of one package, got ${JSON.stringify(report)}`);
  return packed.filename;
}
