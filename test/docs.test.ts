// The pages say what the code says, where they repeat it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runOptions } from "../cli/run-options.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("ARCHITECTURE.md has the life of a delivery as core/lifecycle.ts has it", () => {
  const rows = read("core/lifecycle.ts").match(/^\/\/ \|.*$/gm) ?? [];
  assert.ok(rows.length > 20);
  assert.ok(read("ARCHITECTURE.md").includes(rows.map((row) => row.slice(3)).join("\n")));
});

test("README.md names options, variables and defaults of `taskiq run` that exist", () => {
  const rows = [...read("README.md").matchAll(/^\| (`--.+?`) \| (`[A-Z_].+?`) \| (.+?) \|$/gm)];
  assert.ok(rows.length >= 8);
  const table = Object.values(runOptions);
  for (const [, flags = "", variables = "", shown = ""] of rows) {
    for (const [i, flag] of names(flags).entries()) {
      const option = table.find((one) => one.flag === flag);
      assert.ok(option, `${flag} is no option`);
      assert.ok(option.env.includes(names(variables)[i] ?? ""), `${flag} is not set by ${names(variables)[i]}`);
      if (typeof option.fallback === "string") assert.equal(shown.replaceAll("`", ""), option.fallback, flag);
    }
  }
});

function names(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
}
