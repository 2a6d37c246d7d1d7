// The pages say what the code says, where they repeat it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { writtenPages } from "../dev/docs/written-pages.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("ARCHITECTURE.md has the life of a delivery as core/lifecycle.ts has it", () => {
  const rows = read("core/lifecycle.ts").match(/^\/\/ \|.*$/gm) ?? [];
  assert.ok(rows.length > 20);
  assert.ok(read("ARCHITECTURE.md").includes(rows.map((row) => row.slice(3)).join("\n")));
});

test("the pages have every option as it is (mend: npm run docs)", async () => {
  const pages = await writtenPages();
  assert.deepEqual(
    pages.map(({ path }) => path),
    ["README.md", "docs/configuration.md"],
  );
  for (const { path, now, wanted } of pages) assert.ok(now === wanted, `${path} is stale: npm run docs`);
});
