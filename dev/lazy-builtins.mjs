// An esbuild plugin that loads Node's own modules when the code that imports them runs, not when
// the bundle starts. Without it, every `import … from "node:…"` of every dependency moves to the
// top of the one file. A health check then pays for HTTP/2, TLS and SQLite. That is 45 ms, more
// than Node itself takes to start.
import { isBuiltin } from "node:module";

const namespace = "lazy-builtin";

/** @type {import("esbuild").Plugin} */
export const lazyBuiltins = {
  name: namespace,
  setup(build) {
    build.onResolve({ filter: /^[a-z0-9_:/]+$/ }, ({ path, kind }) =>
      kind === "import-statement" && isOfNode(path) ? { path: qualified(path), namespace } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * The metafile as it would be without the plugin, so that its readers need not know of it.
 *
 * @param {import("esbuild").Metafile} metafile
 * @returns {import("esbuild").Metafile}
 */
export function withoutLazyBuiltins({ inputs, outputs }) {
  return { inputs: withoutOurs(inputs, restoreImports), outputs: mapValues(outputs, restoreOutput) };
}

/**
 * The Node that builds may be older than one that has it.
 *
 * @param {string} path
 */
function isOfNode(path) {
  return path.startsWith("node:") || isBuiltin(path);
}

/** @param {string} path */
function qualified(path) {
  return path.startsWith("node:") ? path : `node:${path}`;
}

/** @param {import("esbuild").Metafile["inputs"][string]} input */
function restoreImports(input) {
  return { ...input, imports: input.imports.map((entry) => (isOurs(entry.path) ? restoreImport(entry) : entry)) };
}

/** @param {import("esbuild").Metafile["inputs"][string]["imports"][number]} entry */
function restoreImport({ original: _, ...entry }) {
  return { ...entry, path: entry.path.slice(namespace.length + 1), external: true };
}

/** @param {import("esbuild").Metafile["outputs"][string]} output */
function restoreOutput(output) {
  return { ...output, inputs: withoutOurs(output.inputs, (input) => input) };
}

/** @param {string} path */
function isOurs(path) {
  return path.startsWith(`${namespace}:`);
}

/**
 * @template T
 * @param {Record<string, T>} record
 * @param {(value: T) => T} change
 */
function withoutOurs(record, change) {
  const kept = Object.entries(record).filter(([path]) => !isOurs(path));
  return mapValues(Object.fromEntries(kept), change);
}

/**
 * @template T
 * @param {Record<string, T>} record
 * @param {(value: T) => T} change
 * @returns {Record<string, T>}
 */
function mapValues(record, change) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
