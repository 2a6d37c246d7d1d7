// `npm run test:dagster`: which versions, which files, and what an environment for a version needs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { chooseVersions, lockedVersion, requirementsFor } from "../../../dev/test/dagster-versions.ts";

test("the oldest, the last of each minor and the locked Dagster run all tests without arguments", () => {
  const chosen = chooseVersions([], "1.13.27");
  assert.deepEqual(chosen.kind === "chosen" && [chosen.versions.at(0), chosen.versions.at(-1), chosen.paths], [
    "1.10.21",
    "1.13.27",
    ["python/tests"],
  ]);
});

test("the arguments are divided into versions and files", () => {
  assert.deepEqual(chooseVersions(["1.11.16", "python/tests/test_x.py::test_y", "1.12.22"], "1.13.27"), {
    kind: "chosen",
    versions: ["1.11.16", "1.12.22"],
    paths: ["python/tests/test_x.py::test_y"],
  });
});

for (const wrong of ["1.11", "latest", "test/unit/x.test.ts"]) {
  test(`npm run test:dagster refuses "${wrong}"`, () => {
    assert.deepEqual(chooseVersions(["1.11.16", wrong], "1.13.27"), {
      kind: "wrong",
      message: `expected a version of Dagster (like 1.10.21) or a test file below python/tests, got "${wrong}"`,
    });
  });
}

test("an environment gets the libraries of that version, and the tools as they are locked", () => {
  const requirements = "boto3==1.2.3\ndagster==1.13.27\npsycopg2-binary==2.9\npytest==9\ntypes-boto3-sqs==1\nruff==0\n";
  assert.deepEqual(requirementsFor("1.10.21", requirements), [
    "dagster==1.10.21",
    "dagster-postgres==0.26.21",
    "boto3==1.2.3",
    "psycopg2-binary==2.9",
    "pytest==9",
    "types-boto3-sqs==1",
  ]);
});

test("the oldest version is the one that the package asks for, and the README states", () => {
  const chosen = chooseVersions([], lockedVersion(readFileSync("python/requirements.in", "utf8")));
  const oldest = chosen.kind === "chosen" ? chosen.versions[0] : "";
  assert.match(readFileSync("python/pyproject.toml", "utf8"), new RegExp(`"dagster>=${oldest}[",]`));
  assert.ok(readFileSync("README.md", "utf8").includes(`Dagster ${oldest}`));
});
