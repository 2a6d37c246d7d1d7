// docs/upgrading.md says which versions work together; the code decides.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SCHEMA_VERSION, SERVES_FROM } from "../core/ledger/postgres/schema.ts";
import { migrations } from "../core/ledger/sqlite/schema.ts";
import { PROTOCOL } from "../core/runner/frames.ts";
import { decode } from "../core/step/envelope.ts";
import { root } from "./support/pages.ts";

const page = readFileSync(join(root, "docs/upgrading.md"), "utf8");

/** The second cell of the row that begins so. */
function now(contract: string): string {
  const row = page.split("\n").find((line) => line.startsWith(`| ${contract}`));
  return row?.split("|")[2]?.trim() ?? "no such row";
}

test("docs/upgrading.md names the versions of envelope, ledgers and frames", () => {
  const [, version] = /^version (\d+)$/.exec(now("envelope")) ?? [];
  const sent = { version: Number(version), run_id: "r", step_key: "s", op_name: "o", retry_mode: "disabled" };
  const kinds = [0, 1].map((more) => decode(JSON.stringify({ ...sent, version: sent.version + more })).kind);
  assert.notEqual(kinds[0], "unknown_version");
  assert.equal(kinds[1], "unknown_version");
  const postgres = `schema ${SCHEMA_VERSION}, for workers of schema ${SERVES_FROM} and newer`;
  const stale = "the table of docs/upgrading.md is stale: correct it";
  assert.equal(now("ledger in PostgreSQL"), postgres, stale);
  assert.equal(now("ledger in a SQLite file"), `schema ${migrations.length}`, stale);
  assert.equal(now("frames"), `protocol ${PROTOCOL}`, stale);
});

test("every test that docs/upgrading.md names exists", () => {
  const [, table = ""] = /^## Which tests show it\n(.*)/ms.exec(page) ?? [];
  const paths = [...table.matchAll(/`((?:test|fixtures)\/[\w./-]+)`/g)].map(([, path]) => String(path));
  assert.ok(paths.length >= 8);
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(root, path))),
    [],
  );
});
