// What is Node's own is loaded on first use, whichever Node builds the bundle.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
import { lazyBuiltins } from "../../../dev/lazy-builtins.mjs";

test("a module of Node's own is not imported at the top, one that this Node does not have included", async () => {
  const contents = 'import a from "node:tomorrow"; import b from "fs"; import c from "node:tls"; console.log(a, b, c);';
  const { outputFiles } = await build({
    stdin: { contents, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    plugins: [lazyBuiltins],
  });
  const text = outputFiles[0]?.text ?? "";
  assert.doesNotMatch(text, /^import /m);
  for (const name of ["node:tomorrow", "node:fs", "node:tls"]) assert.ok(text.includes(`require("${name}")`), name);
});
