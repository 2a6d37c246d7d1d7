// Text from outside on its way to a terminal or a log.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { printable, printableJson, printableLine } from "../../../core/formats/printable.ts";
import { shortened } from "../../../core/formats/shortened.ts";

const any = fc.string({ unit: "binary" });
const unsafe = /[^\P{C}\n\t\u200c\u200d]|\p{Zl}|\p{Zp}/u;

describe("printable text", () => {
  const rows: readonly (readonly [text: string, shown: string])[] = [
    ["\u001b[2J\u0007", "\\x1b[2J\\x07"],
    ["a\rb\r\nc\td", "a\\x0db\nc\td"],
    ["\u007f\u0085\u009b", "\\x7f\\x85\\x9b"],
    ["\u202e\u2066\u200f\u061c", "\\u202e\\u2066\\u200f\\u061c"],
    ["\u2028\u2029\ufeff\u200b", "\\u2028\\u2029\\ufeff\\u200b"],
    ["\ud800x\udc00", "\\ud800x\\udc00"],
    ["\u{e0041}", "\\u{e0041}"],
    ["grün 雨 👩‍👩‍👧 نمی‌خواهم", "grün 雨 👩‍👩‍👧 نمی‌خواهم"],
  ];
  for (const [text, shown] of rows)
    test(`the text ${JSON.stringify(text)} is printed as ${shown}`, () => assert.equal(printable(text), shown));

  test("printable text has no unsafe character, whatever it was made of", () => {
    fc.assert(fc.property(any, (text) => assert.doesNotMatch(printable(text), unsafe)));
  });

  test("a printable line has no line break", () => {
    assert.equal(printableLine(" a\r\n\tb\u2028c\u0085 "), "a b c\\x85");
    fc.assert(fc.property(any, (text) => assert.doesNotMatch(printableLine(text), /[\n\t]|[^\P{C}\u200c\u200d]/u)));
  });

  test("printable JSON reads back as the same value", () => {
    fc.assert(
      fc.property(any, (text) => {
        const json = printableJson({ [text]: text });
        assert.doesNotMatch(json, /[\n\t]|[^\P{C}\u200c\u200d]/u);
        assert.equal(json.isWellFormed(), true);
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify({ [text]: text })));
      }),
    );
  });
});

test("a text is cut between characters, and shows that it was", () => {
  assert.equal(shortened("four", 4), "four");
  assert.equal(shortened("fourth", 4), "four…");
  assert.equal(shortened("a👩b", 2), "a\ufffd…");
});
