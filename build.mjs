// Bundles the worker into one file, dist/taskiq.mjs, that runs on any Node >= 22.19 without
// node_modules, and builds what is released with it.
//
//   node build.mjs bundle       the bundle alone; dev/ imports `build` for it
//   node build.mjs executable   that and the executable: what the Dockerfile takes
//   node build.mjs              everything, on the project's own Node: `npm run build`
import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { originOf } from "./dev/build/origin.mjs";
import { lazyBuiltins, withoutLazyBuiltins } from "./dev/lazy-builtins.mjs";

const root = fileURLToPath(new URL(".", import.meta.url));

// Some dependencies are CommonJS inside and call require() for Node's own modules, which an ES
// module does not have.
const banner = `#!/usr/bin/env node
import { createRequire as createRequireForBundle } from "node:module";
const require = createRequireForBundle(import.meta.url);`;

/**
 * Writes taskiq.mjs, its source map, and meta.json (which file imports which). Throws esbuild's
 * `BuildFailure` when the sources do not bundle; esbuild has then printed why.
 *
 * @param {string} [outdir]
 * @returns {Promise<{ path: string, bytes: number }>} the bundle, its path relative to the checkout
 */
export async function build(outdir = `${root}dist`) {
  const outfile = `${outdir}/taskiq.mjs`;
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  const init = readFileSync(`${root}cli/init.py`, "utf8");
  const page = (/** @type {string} */ name) => readFileSync(`${root}core/status/page/${name}`, "utf8");
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["cli/main.ts"],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    // The AWS SDK's ES modules can be cut down to what is used; its CommonJS ones cannot.
    mainFields: ["module", "main"],
    target: "node22.19",
    // A command's import() must stay lazy in the one file: esbuild keeps such modules unevaluated
    // until they are asked for.
    splitting: false,
    // Syntax only: names and lines stay as they are, so that a stack trace from production can be
    // read.
    minifySyntax: true,
    minifyWhitespace: false,
    minifyIdentifiers: false,
    sourcemap: "linked",
    sourcesContent: false,
    // LICENSES.txt says more than comments do.
    legalComments: "none",
    metafile: true,
    plugins: [lazyBuiltins],
    banner: { js: banner },
    define: {
      TASKIQ_VERSION: JSON.stringify(version),
      TASKIQ_ORIGIN: JSON.stringify(originOf(root)),
      TASKIQ_INIT: JSON.stringify(init),
      TASKIQ_STATUS_PAGE: JSON.stringify({ html: page("page.html"), css: page("page.css"), script: page("page.mjs") }),
    },
    write: false,
    logLevel: "warning",
  });
  mkdirSync(outdir, { recursive: true });
  for (const file of result.outputFiles) replace(file.path, file.contents, file.path === outfile ? 0o755 : 0o644);
  replace(`${outdir}/meta.json`, JSON.stringify(withoutLazyBuiltins(result.metafile), null, 1), 0o644);
  const bytes = result.outputFiles.find((file) => file.path === outfile)?.contents.length ?? 0;
  return { path: relative(root, outfile), bytes };
}

/**
 * By rename, so that a worker or a test that starts during a build finds a whole file.
 *
 * @param {string} path
 * @param {string | Uint8Array} contents
 * @param {number} mode
 */
function replace(path, contents, mode) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, contents, { mode });
  renameSync(fresh, path);
}

/** @param {string[]} argv */
async function main([what = "everything", outdir = `${root}dist`]) {
  if (!["bundle", "executable", "everything"].includes(what)) {
    throw new Error(`build.mjs: expected bundle, executable or everything, got ${JSON.stringify(what)}`);
  }
  const { path, bytes } = await build(outdir);
  if (what === "bundle") return say(path, bytes);
  // TypeScript: only the project's own Node reads it.
  const { buildArtifacts, buildExecutableOnly } = await import("./dev/build/artifacts.ts");
  const buildRest = what === "executable" ? buildExecutableOnly : buildArtifacts;
  for (const artifact of buildRest(root, outdir)) say(artifact.name, artifact.bytes);
}

/**
 * @param {string} name
 * @param {number} bytes
 */
function say(name, bytes) {
  process.stdout.write(`${(bytes / 1024).toFixed(0).padStart(8)} KiB  ${name}\n`);
}

/** @param {unknown} error */
function isBuildFailure(error) {
  return error instanceof Error && "errors" in error;
}

// Not import.meta.main: Node 20, which may be the one at hand, does not have it and would do
// nothing without a word.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    process.exitCode = 1;
  }
}
