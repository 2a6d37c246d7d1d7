// Tables: they fit, nothing in them is lost before its time, and nothing in them steers the
// terminal.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import stringWidth from "string-width";
import { type Column, renderTable, wrap } from "../../../../cli/terminal/table.ts";

const columns: readonly Column[] = [
  { title: "ID", least: 4, lines: 1 },
  { title: "ERROR", least: 8, lines: 2 },
  { title: "WORKER", least: 6, lines: 1, worth: 1 },
];
const rows = [
  ["m1", "no rain on 31 February", "worker-1"],
  ["m2", "gone", "w"],
];

describe("a table", () => {
  test("a table is as wide as its texts where there is room", () => {
    const wide =
      "ID  ERROR                   WORKER\nm1  no rain on 31 February  worker-1\nm2  gone                    w\n";
    assert.equal(renderTable(columns, rows, Number.POSITIVE_INFINITY), wide);
    assert.equal(renderTable(columns, rows, 36), wide);
  });

  test("a table wraps between words where there is less room", () => {
    const text = "ID  ERROR         WORKER\nm1  no rain on    worker-1\n    31 February\nm2  gone          w\n";
    assert.equal(renderTable(columns, rows, 26), text);
  });

  test("a table leaves out what matters least, and cuts what takes too many lines", () => {
    assert.equal(renderTable(columns, rows, 16), "ID  ERROR\nm1  no rain on\n    31 February\nm2  gone\n");
    assert.equal(renderTable(columns, rows, 12), "ID  ERROR\nm1  no rain\n    on 31 …\nm2  gone\n");
  });

  test("a table counts columns, not characters", () => {
    const table = renderTable(
      columns,
      [
        ["m1", "雨が降らない", "w"],
        ["m2", "x", "w"],
      ],
      80,
    );
    assert.deepEqual(
      table
        .split("\n")
        .slice(0, -1)
        .map((line) => stringWidth(line)),
      [24, 19, 19],
    );
  });

  test("a table is never wider than the terminal, as long as its narrowest form fits", () => {
    const cell = fc.string({
      unit: fc.oneof(fc.constantFrom(" ", "a", "雨", "👩‍👩‍👧", "\u001b[31m"), fc.string()),
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 4 }),
        fc.integer({ min: 14, max: 90 }),
        (cells, width) => {
          for (const line of renderTable(columns, cells, width).split("\n"))
            assert.ok(stringWidth(line) <= width, line);
        },
      ),
    );
  });

  test("a table is painted without being measured again", () => {
    const painted = renderTable(columns, rows, 36, (text, { title }) => (title === "ID" ? `<${text}>` : text));
    assert.deepEqual(painted.split("\n")[1], "<m1>  no rain on 31 February  worker-1");
  });
});

test("wrapping loses no word that fits while there are lines, and cuts the others in one place", () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "雨"), minLength: 1, maxLength: 12 }), {
    maxLength: 9,
  });
  fc.assert(
    fc.property(words, fc.integer({ min: 3, max: 20 }), (all, width) => {
      const lines = wrap(all.join(" "), width, 1_000);
      const shown = lines.flatMap((line) => line.split(" ")).filter((word) => word !== "");
      assert.equal(shown.length, all.length);
      for (const [i, word] of all.entries()) {
        const cut = shown[i]?.endsWith("…") === true && word.startsWith(shown[i]?.slice(0, -1) ?? "");
        assert.ok(stringWidth(word) <= width ? shown[i] === word : cut, `${word} in ${lines.join("|")}`);
      }
      assert.ok(lines.every((line) => stringWidth(line) <= width));
    }),
  );
});

test("a cell is cut between words, unless no line of 80 columns could hold the word", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "雨"), minLength: 1, maxLength: 60 });
  const column = fc.record({
    lines: fc.integer({ min: 1, max: 3 }),
    most: fc.integer({ min: 8, max: 120 }),
    width: fc.integer({ min: 8, max: 80 }),
  });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 9 }), column, (words, { lines, most, width }) => {
      const [, ...shown] = renderTable([{ title: "A", least: 8, lines, most }], [[words.join(" ")]], width).split("\n");
      for (const line of shown) {
        const [first = "", ...others] = line.split(" ");
        for (const other of others) assert.ok(other === "…" || words.includes(other), `${other} in ${line}`);
        // At the beginning of a line no space is left to cut at.
        assert.ok(first === "" || words.includes(first) || first.endsWith("…"), `${first} in ${line}`);
      }
    }),
  );
});

test("a text that is too long for a cell ends between words, and a word that is too long for any line is cut", () => {
  const shown = (cell: string) =>
    renderTable([{ title: "A", least: 1, lines: 9, most: 20 }], [[cell]], 80).split("\n")[1];
  assert.equal(shown("no rain on 31 February, nor on 30"), "no rain on 31 …");
  assert.equal(shown(`OSError: /${"x".repeat(90)}`), "OSError: /xxxxxxxxxx…");
});

test("a cell is one line that steers no terminal, and a long one does not widen the table", () => {
  const shown = (cell: string) =>
    renderTable([{ title: "A", least: 1, lines: 1, most: 20 }], [[cell]], 1_000).split("\n")[1];
  assert.equal(shown(" a\r\n\tb\u001b[2Jc\u202e "), "a b\\x1b[2Jc\\u202e");
  assert.equal(shown("x".repeat(1_000_000)), `${"x".repeat(20)}…`);
  assert.equal(
    renderTable([{ title: "A", least: 1, lines: 1 }], [["x".repeat(400)]], Number.POSITIVE_INFINITY),
    `A\n${"x".repeat(300)}…\n`,
  );
});
