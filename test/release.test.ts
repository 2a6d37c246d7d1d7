// What a release is named by agrees everywhere: package.json, the Python package, the component, the changelog, the tag.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const { version } = JSON.parse(read("package.json"));

test("every package has the same version", () => {
  const [, python] = /^__version__ = "(.*)"$/m.exec(read("python/src/dagster_taskiq/__init__.py")) ?? [];
  const versions = { python, deploy: JSON.parse(read("deploy/package.json")).version };
  assert.deepEqual(versions, { python: version, deploy: version });
});

test("the changelog has what is unreleased, then this version and those before it, with their dates", () => {
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
