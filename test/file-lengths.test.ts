// Files have at most 250 lines of code. Comments and blank lines do not count, so a table above the
// code costs nothing. Comments wrap at 100 columns.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MOST_LINES = 250;
const MOST_COLUMNS = 100;
/** Rows of tables, shown commands, JSDoc tags, and words that cannot be divided. */
const UNWRAPPED = /^\s*(?:\/\/|\*)(?: ?(?:\||@|#|\S+$)|\s\s)/;
const root = fileURLToPath(new URL("..", import.meta.url));
const files = globSync("{core,cli,test,bench,dev,deploy}/**/*.{ts,mjs}", {
  cwd: root,
  exclude: (path) => /node_modules$|^deploy.dist$/.test(path),
});

/** Counts the lines that hold more than a comment. */
function codeLines(source: string): number {
  const withoutBlocks = source.replace(/^ *\/\*.*?\*\/$/gms, "");
  return withoutBlocks.split("\n").filter((line) => !/^\s*(?:\/\/|$)/.test(line)).length;
}

function isWide(line: string): boolean {
  return line.length > MOST_COLUMNS && /^\s*(?:\/\/|\/\*\*|\*)/.test(line) && !UNWRAPPED.test(line);
}

test("a wide comment is found, unless it is a table, a tag or one long word", () => {
  const long = "word ".repeat(MOST_COLUMNS / 5);
  const wide = [`// ${long}`, `   * ${long}`, `/** ${long} */`];
  const left = [`// | ${long}`, ` * @type ${long}`, `//   ${long}`, `// ${long.replaceAll(" ", "-")}`, long];
  assert.deepEqual([...wide, ...left].filter(isWide), wide);
});

test("comments and blank lines do not count as code", () => {
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

test(`no comment is wider than ${MOST_COLUMNS} columns`, () => {
  const wide = files.flatMap((file) =>
    readFileSync(`${root}${file}`, "utf8")
      .split("\n")
      .filter(isWide)
      .map((line) => `${file}: ${line}`),
  );
  assert.deepEqual(wide, []);
});
