// Links between the pages lead somewhere.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { pages, readPage, root } from "./support/pages.ts";

for (const page of pages.filter(({ links }) => links.length > 0)) {
  test(`every link of ${page.path} leads somewhere`, () => {
    const dead = page.links.filter((link) => !leadsSomewhere(page.path, link));
    assert.deepEqual(dead, []);
  });
}

test("a dead link and a dead anchor are found", () => {
  for (const link of ["docs/none.md", "docs/ledger.md#none", "#none", "http://plain.example"]) {
    assert.equal(leadsSomewhere("README.md", link), false, link);
  }
  const { links, anchors } = readPage("a.md", "# One: two, `three`\n\n[a](b.md#c) and `[no](link)`\n");
  assert.deepEqual([links, anchors], [["b.md#c"], ["one-two-three"]]);
});

test("every page can be reached from README.md", () => {
  const reached = new Set(["README.md"]);
  // Grows while it is walked.
  for (const path of reached) {
    for (const link of pages.find((page) => page.path === path)?.links ?? []) {
      if (!/^[a-z]+:/.test(link)) reached.add(targetOf(path, link).file);
    }
  }
  const lost = pages
    .map(({ path }) => path)
    .filter((path) => /^(?:docs\/.*|[A-Z]+\.md)/.test(path) && !reached.has(path));
  assert.deepEqual(lost, []);
});

test("the tests that the pages name as evidence exist", () => {
  const named = pages.flatMap(({ spans }) =>
    spans.filter((span) => /^[\w.-]+\/[\w/.-]+(?:\.test\.ts|\/test_\w+\.py)$/.test(span)),
  );
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

/** Nothing on other hosts is asked for. */
function leadsSomewhere(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return URL.canParse(link) && link.startsWith("https://");
  const { file, anchor } = targetOf(page, link);
  if (!existsSync(join(root, file))) return false;
  return anchor === "" || (pages.find(({ path }) => path === file)?.anchors.includes(anchor) ?? false);
}

function targetOf(page: string, link: string): { readonly file: string; readonly anchor: string } {
  const [path = "", anchor = ""] = link.split("#");
  return { file: path === "" ? page : normalize(join(dirname(page), path)), anchor };
}
