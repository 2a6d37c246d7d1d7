// Sizes as people write them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatSize, parseSize } from "../../../core/formats/sizes.ts";

describe("a size", () => {
  const rows: readonly [string, number | null][] = [
    ["0", 0],
    ["65536", 65_536],
    ["10B", 10],
    ["1KB", 1_000],
    ["1KiB", 1_024],
    ["1.5GiB", 1_610_612_736],
    ["2gb", 2_000_000_000],
    ["3TiB", 3_298_534_883_328],
    ["", null],
    ["1 GiB", null],
    ["1G", null],
    ["1iB", null],
    ["-1KB", null],
    ["GiB", null],
    ["1e3", null],
    ["99999999TiB", null],
  ];
  for (const [text, bytes] of rows)
    test(`the size "${text}" is ${bytes === null ? "refused" : `${bytes} bytes`}`, () =>
      assert.equal(parseSize(text), bytes));

  test("a size reads back as it was written", () => {
    const bytes = fc.oneof(
      fc.maxSafeNat(),
      fc.tuple(fc.nat(8_191), fc.nat(4)).map(([n, exponent]) => n * 1_024 ** exponent),
    );
    fc.assert(fc.property(bytes, (size) => assert.equal(parseSize(formatSize(size)), size)));
    assert.equal(formatSize(2 ** 30), "1GiB");
  });
});
