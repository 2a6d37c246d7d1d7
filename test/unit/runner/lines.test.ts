// Cutting text into lines: the answer must not depend on how the text arrived.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LineAllowance, LineSplitter } from "../../../core/runner/lines.ts";

function linesOf(chunks: readonly string[], longest = 8): readonly string[] {
  const splitter = new LineSplitter(longest);
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.flush()];
}

describe("line splitter", () => {
  const rows: readonly [string, readonly string[], readonly string[]][] = [
    ["nothing", [], []],
    ["an empty chunk", [""], []],
    ["one line", ["abc\n"], ["abc"]],
    ["a last line without its end", ["abc\nde"], ["abc", "de"]],
    ["empty lines", ["\n\n"], ["", ""]],
    ["a line in pieces", ["a", "b", "c\nd"], ["abc", "d"]],
    ["a line exactly as long as allowed", ["12345678\n"], ["12345678"]],
    ["a line too long, in one piece", ["1234567890\nx\n"], ["12345678", "90", "x"]],
    ["a line too long, in two", ["12345", "67890\nx\n"], ["12345678", "90", "x"]],
    ["a writer that never ends its line", ["1234567890", "1234567890"], ["12345678", "90123456", "7890"]],
  ];
  for (const [what, chunks, expected] of rows)
    test(`lines are split with ${what}`, () => assert.deepEqual(linesOf(chunks), expected));

  test("a complete line is returned at once, an open one only when it ends", () => {
    const splitter = new LineSplitter(8);
    assert.deepEqual(splitter.push("ab"), []);
    assert.deepEqual(splitter.push("c\nd"), ["abc"]);
    assert.deepEqual(splitter.flush(), ["d"]);
    assert.deepEqual(splitter.flush(), []);
  });

  test("the lines are the same wherever the text is cut into chunks", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "🙂", "\n"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
        assert.deepEqual(linesOf(cutAt(whole, cuts)), linesOf([whole]));
      }),
    );
  });

  test("no text is lost, and no line is longer than allowed", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 10 }), (whole, longest) => {
        const lines = linesOf([whole], longest);
        assert.equal(lines.join(""), whole.replaceAll("\n", ""));
        assert.ok(lines.every((line) => line.length <= longest));
      }),
    );
  });
});

function cutAt(text: string, positions: readonly number[]): readonly string[] {
  const sorted = [...positions].sort((a, b) => a - b);
  return [...sorted, text.length].map((end, i) => text.slice(i === 0 ? 0 : sorted[i - 1], end));
}

describe("line allowance", () => {
  const remark = "… too many lines: the rest of this second is left out";

  test("a thousand lines a second pass, then one remark", () => {
    const allowance = new LineAllowance();
    const admitted = Array.from({ length: 5_000 }, () => allowance.admit("x", 0)).flat();
    assert.deepEqual(admitted, [...Array.from({ length: 1_000 }, () => "x"), remark]);
    assert.deepEqual(allowance.admit("later", 999), []);
    assert.deepEqual(allowance.admit("later", 1_000), ["later"]);
  });

  test("a million characters a second pass, then one remark", () => {
    const allowance = new LineAllowance();
    const line = "x".repeat(8 * 1024);
    const admitted = Array.from({ length: 200 }, () => allowance.admit(line, 0)).flat();
    assert.deepEqual([admitted.length, admitted.at(-1)], [129, remark]);
  });
});
