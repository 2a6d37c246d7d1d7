// What a release is named by agrees everywhere: package.json, the Python package, the component,
// the changelog, the tag.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { reasonsAgainst } from "../dev/release-check.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const { version } = JSON.parse(read("package.json"));

test("every package has the same version", () => {
  const [, python] = /^__version__ = "(.*)"$/m.exec(read("python/src/dagster_taskiq/__init__.py")) ?? [];
  const files = ["package-lock.json", "deploy/package.json", "deploy/package-lock.json"];
  const versions = [python, ...files.map((path) => JSON.parse(read(path)).version)];
  assert.deepEqual(versions, [version, version, version, version]);
});

test("the pages name the package and the file that a build makes", () => {
  const [, first = ""] = read("README.md").split("\n\n");
  assert.match(first, /not \[the Python task queue of the same name\]\(https:\/\/pypi\.org\/project\/taskiq\/\)/);
  assert.ok(read("docs/deployment.md").includes(`./dist/dagster-taskiq-worker-${version}.tgz`));
});

test("the changelog has the unreleased changes, then this version and those before it, with their dates", () => {
  const headings = [...read("CHANGELOG.md").matchAll(/^## (.*)$/gm)].map(([, heading]) => String(heading));
  assert.equal(headings.shift(), "Unreleased");
  const releases = headings.map(
    (heading) => /^(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$/.exec(heading)?.slice(1) ?? heading,
  );
  assert.equal(releases[0]?.[0], version);
  const dates = releases.map((release) => String(release[1]));
  assert.deepEqual(dates, dates.toSorted().reverse());
  for (const date of dates) assert.equal(new Date(date).toISOString().slice(0, 10), date);
});

test("a tag is released only from its own repository, version and changelog", () => {
  const repository = "https://github.com/owner/name";
  const manifest = { version: "1.2.3", repository: { url: `git+${repository}.git` } };
  const changelog = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-30\n\n- A thing.\n";
  assert.deepEqual(reasonsAgainst({ tag: "v1.2.3", repository }, { manifest, changelog }), []);
  const early = changelog.replace("Unreleased\n", "Unreleased\n\n- Another.\n").replace("1.2.3 -", "1.2.2 -");
  assert.deepEqual(
    reasonsAgainst({ tag: "1.2.3", repository: "https://github.com/a/fork" }, { manifest, changelog: early }),
    [
      "the tag must be v1.2.3, the version of package.json, got 1.2.3",
      "package.json must name this repository, https://github.com/a/fork, got https://github.com/owner/name",
      'CHANGELOG.md has no section "## 1.2.3 - <date>"',
      'CHANGELOG.md still has changes under "Unreleased"',
    ],
  );
});
