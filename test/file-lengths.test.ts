// Files have at most 250 lines of code. Comments and blank lines do not count, so a table above the code costs nothing.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MOST_LINES = 250;
const root = fileURLToPath(new URL("..", import.meta.url));
const files = globSync("{core,cli,test,bench,dev,deploy}/**/*.{ts,mjs}", {
  cwd: root,
  exclude: (path) => path.endsWith("node_modules"),
});

/** Counts the lines that hold more than a comment. */
function codeLines(source: string): number {
  const withoutBlocks = source.replace(/^ *\/\*.*?\*\/$/gms, "");
  return withoutBlocks.split("\n").filter((line) => !/^\s*(?:\/\/|$)/.test(line)).length;
}

test("comments and blank lines are no code", () => {
  const source = "// a heading\n\n/** One line. */\nconst a = 1; // why\n/**\n * Two\n * lines.\n */\nconst b = 2;\n";
  assert.equal(codeLines(source), 2);
});

test(`no file has more than ${MOST_LINES} lines of code`, () => {
  assert.ok(files.length > 500, `${files.length} files were found`);
  const counted = files.map((file) => ({ file, lines: codeLines(readFileSync(`${root}${file}`, "utf8")) }));
  assert.deepEqual(
    counted.filter(({ lines }) => lines > MOST_LINES),
    [],
  );
});
