// Error fingerprints: alike for the same fault of another run or host, different for different
// faults.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFingerprint } from "../../../core/delivery/fingerprint.ts";
import { foldMessage } from "../../../core/formats/folded.ts";
import type { ErrorInfo } from "../../../core/step/step.ts";

const folded: readonly (readonly [string, string])[] = [
  ["division by zero", "division by zero"],
  ["row 17 of 2000 at 3.75 s", "row <n> of <n> at <n> s"],
  ["run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 is gone", "run <uuid> is gone"],
  ["<Frame object at 0x7f9A10bb>", "<Frame object at <hex>>"],
  ["commit deadbeef42 not found", "commit <hex> not found"],
  ["a defaced facade", "a defaced facade"],
  ["cannot open /mnt/data/2026-01-01/part-3.csv: no such file", "cannot open <path>: no such file"],
  ["C:\\temp\\x.csv is locked", "<path> is locked"],
  ["GET https://host-7.example/a/b?c=1 failed", "GET https:<path> failed"],
  ["key 'customer 12' is missing", "key <text> is missing"],
  ['column "a" and `b`', "column <text> and <text>"],
  ["can't read 'x', won't try", "can't read <text>, won't try"],
  ["step map_one[12] failed", "step map_one[<n>] failed"],
  ["  two\n\tlines ", "two lines"],
  ["and/or 50/60 Hz", "and/or <n>/<n> Hz"],
  ["", ""],
];

for (const [message, expected] of folded) {
  test(`the message ${JSON.stringify(message)} folds to ${JSON.stringify(expected)}`, () => {
    assert.equal(foldMessage(message), expected);
  });
}

test("only the start of a long message counts, and folding it stays cheap", () => {
  const quotes = "'a ".repeat(1_000_000);
  assert.ok(foldMessage(quotes).length <= 2000);
  assert.equal(foldMessage(`${"x".repeat(2000)}1`), foldMessage(`${"x".repeat(2000)}2 and more`));
});

const error: ErrorInfo = {
  class: "KeyError",
  message: "row 17",
  traceback: traceback(["main", "run", "load", "parse"], 10),
};

function traceback(functions: readonly string[], line: number): string {
  const frames = functions.map(
    (name, i) => `  File "/srv/v${line}/m${i}.py", line ${line + i}, in ${name}\n    ${name}()\n`,
  );
  return `Traceback (most recent call last):\n${frames.join("")}KeyError: 'row ${line}'\n`;
}

test("a fingerprint is twelve hex digits", () => {
  assert.match(errorFingerprint(error), /^[0-9a-f]{12}$/);
});

const alike: readonly (readonly [string, Partial<ErrorInfo>])[] = [
  ["other values in the message", { message: "row 99" }],
  ["other files and lines", { traceback: traceback(["main", "run", "load", "parse"], 99) }],
  ["another way there", { traceback: traceback(["cli", "dev", "go", "run", "load", "parse"], 10) }],
];

for (const [title, change] of alike) {
  test(`errors have the same fingerprint: ${title}`, () => {
    assert.equal(errorFingerprint({ ...error, ...change }), errorFingerprint(error));
  });
}

test("another class, message or innermost function has another fingerprint", () => {
  const others: readonly Partial<ErrorInfo>[] = [
    {},
    { class: "ValueError" },
    { message: "column 17" },
    { traceback: traceback(["main", "run", "load", "store"], 10) },
    { traceback: traceback(["main", "run", "save", "parse"], 10) },
    { traceback: "" },
  ];
  assert.equal(new Set(others.map((change) => errorFingerprint({ ...error, ...change }))).size, others.length);
});
