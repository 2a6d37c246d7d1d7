// The log events: alarms and dashboards match on their names, and docs/events.md explains each one.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { eventGroups, events } from "../../../core/events/events.ts";
import { fieldWords } from "../../../core/events/fields.ts";

const root = new URL("../../../", import.meta.url);
const sources = globSync("{core,cli}/**/*.ts", { cwd: root })
  .filter((file) => !file.startsWith("core/events/"))
  .map((file) => readFileSync(new URL(file, root), "utf8"))
  .join("\n");
const fields = new Set(
  [...events.values()].flatMap((entry) => Object.keys(entry.fields).map((name) => name.replace("?", ""))),
);

test("every event of the tables is logged somewhere, and no two groups share a name", () => {
  const names = [...events.keys()];
  assert.deepEqual(
    names.filter((name) => !sources.includes(`"${name}"`)),
    [],
  );
  assert.equal(Object.values(eventGroups).flatMap(Object.keys).length, names.length);
});

test("every event says in sentences what it means and what an operator can do", () => {
  for (const [name, { means, act }] of events) {
    assert.match(name, /^[a-z_]+\.[a-z_]+$/);
    for (const words of [means, act ?? "Nothing."]) assert.match(words, /^[A-Z`t].{8,}\.$|^Nothing\.$/, name);
  }
});

test("every field of an event has words, and no other field has", () => {
  assert.deepEqual([...fieldWords.keys()].toSorted(), [...fields].toSorted());
});
