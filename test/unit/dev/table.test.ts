// The demo's tables and summaries, as they look.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attempt } from "../../../dev/start/attempts.ts";
import { attemptTable } from "../../../dev/start/report.ts";
import { type Column, shorten, table } from "../../../dev/start/table.ts";

interface Fruit {
  readonly name: string;
  readonly count: number;
}

const columns: readonly Column<Fruit>[] = [
  { heading: ["fruit"], cell: ({ name }) => name, shrinks: true },
  { heading: ["how", "many"], cell: ({ count }) => String(count), right: true },
];

test("columns are as wide as their cells, figures align right, and headings may have two lines", () => {
  const rows = [
    { name: "apples", count: 3 },
    { name: "figs", count: 12345 },
  ];
  assert.deepEqual(table(columns, rows), [
    "fruit     how",
    "         many",
    "──────  ─────",
    "apples      3",
    "figs    12345",
  ]);
});

test("the column that may shrink gives way when the table is too wide", () => {
  const rows = [{ name: "a-very-long-name-of-a-fruit", count: 1 }];
  const lines = table(columns, rows, (line) => line, 20);
  assert.equal(lines.at(-1), "a-very…a-fruit     1");
  assert.ok(lines.every((line) => line.length <= 20));
});

test("a row is painted after it is laid out", () => {
  const lines = table(columns, [{ name: "fig", count: 1 }], (line, { count }) => `<${count}>${line}</>`);
  assert.equal(lines.at(-1), "<1>fig       1</>");
});

const shortened = [
  { text: "12345678", width: 8, expected: "12345678" },
  { text: "123456789", width: 8, expected: "123…6789" },
  { text: "123456789", width: 5, expected: "12…89" },
];

for (const { text, width, expected } of shortened) {
  test(`the text ${text} in ${width} columns is ${expected}`, () => assert.equal(shorten(text, width), expected));
}

function attempt(more: Partial<Attempt>): Attempt {
  const success = { outcome: "success", queuedFor: 0.25, ranFor: 12.5 };
  return { step: "weather.compare", attempt: 1, worker: "host:7", pid: 4242, ...success, ...more };
}

test("the table of attempts fits 80 columns even with long names", () => {
  const long = attempt({ step: `weather.summarize[${"x".repeat(80)}]`, worker: `${"h".repeat(63)}:12345` });
  for (const line of attemptTable([long, attempt({ outcome: "up_for_retry" })]).split("\n")) {
    assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
  }
});

test("an attempt shows host and process, and dashes for what is not known", () => {
  const shown = attemptTable([
    attempt({}),
    attempt({ worker: null, pid: null, outcome: "queued", queuedFor: null, ranFor: null }),
  ]);
  assert.deepEqual(shown.split("\n").slice(-2), [
    "weather.compare        1  host/4242  success  0.25 s  12.50 s",
    "weather.compare        1  -/-        queued        -        -",
  ]);
});
