// Arguments are read exactly as they were typed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readArguments } from "../../../../cli/options/argv.ts";
import { workerOptions } from "../../../../cli/options/worker-options.ts";

function read(...argv: string[]) {
  const { given, switched, problems } = readArguments(argv, workerOptions);
  return { given: Object.fromEntries(given), switched: [...switched], problems };
}

describe("values", () => {
  const rows: readonly [readonly string[], Record<string, readonly string[]>][] = [
    [["--worker-id", "007"], { workerId: ["007"] }],
    [["--worker-id=1e5"], { workerId: ["1e5"] }],
    [["--worker-id="], { workerId: [""] }],
    [["--worker-id", ""], { workerId: [""] }],
    [["--worker-id=a=b"], { workerId: ["a=b"] }],
    [["--worker-id", "a\nb"], { workerId: ["a\nb"] }],
    [["--worker-id=--grace"], { workerId: ["--grace"] }],
    [["--worker-id", "-"], { workerId: ["-"] }],
    [["--grace", "-5"], { graceMs: ["-5"] }],
    [["--concurrency", "4", "--concurrency=8"], { concurrency: ["4", "8"] }],
    [["-m", "a", "--module-name", "b", "-mc", "-m=d"], { moduleNames: ["a", "b", "c", "d"] }],
    [
      ["-f", "a.py", "-d", "src", "-a", "defs"],
      { pythonFiles: ["a.py"], workingDirectory: ["src"], attribute: ["defs"] },
    ],
    [["--allow-local-ledger", "--grace", "1"], { allowLocalLedger: ["true"], graceMs: ["1"] }],
    [["--no-allow-local-ledger"], { allowLocalLedger: ["false"] }],
    [["--allow-local-ledger=false"], { allowLocalLedger: ["false"] }],
    [["--constructor", "--__proto__=x"], {}],
  ];
  for (const [argv, given] of rows)
    test(`the arguments ${JSON.stringify(argv)} give ${JSON.stringify(given)}`, () =>
      assert.deepEqual(read(...argv).given, given));

  test("any text arrives unchanged as an option's value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const { given, problems } = read(`--worker-id=${text}`);
        assert.deepEqual([given, problems], [{ workerId: [text] }, []]);
      }),
    );
  });
});

describe("operands", () => {
  const options = workerOptions;
  const rows: readonly [readonly string[], Record<string, readonly string[]>, readonly string[]][] = [
    [["a", "b"], { workerId: ["a"], attribute: ["b"] }, []],
    [["a"], { workerId: ["a"] }, []],
    [["a", "--grace", "5", "b"], { workerId: ["a"], graceMs: ["5"], attribute: ["b"] }, []],
    [["--", "--a", "-b"], { workerId: ["--a"], attribute: ["-b"] }, []],
    [["--worker-id", "a", "b"], { workerId: ["a", "b"] }, []],
    [["a", "b", "c"], { workerId: ["a"], attribute: ["b"] }, ['unexpected argument "c"']],
  ];
  for (const [argv, given, problems] of rows)
    test(`of ${JSON.stringify(argv)}, words without a flag are the operands in their order`, () => {
      const read = readArguments(argv, options, ["workerId", "attribute"]);
      assert.deepEqual([Object.fromEntries(read.given), read.problems], [given, problems]);
    });
});

describe("what cannot be understood", () => {
  const rows: readonly [readonly string[], readonly string[]][] = [
    [["--concurency", "8"], ["unknown option --concurency, did you mean --concurrency?"]],
    [
      ["--concurency=8", "--frobnicate"],
      ["unknown option --concurency, did you mean --concurrency?", "unknown option --frobnicate"],
    ],
    [["-x"], ["unknown option -x"]],
    [["--ledger-urll=postgres://u:secret@h"], ["unknown option --ledger-urll, did you mean --ledger-url?"]],
    [["--grace"], ["--grace needs a value: --grace <duration>"]],
    [["--grace", "--wait-time", "5"], ["--grace needs a value: --grace <duration>"]],
    [["-m"], ["-m needs a value: -m <name>"]],
    [["--no-grace"], ["--no-grace makes no sense: --grace takes a value"]],
    [["--no-allow-local-ledger=x"], ["--no-allow-local-ledger takes no value"]],
    [["--no-frobnicate"], ["unknown option --no-frobnicate"]],
    [["extra"], ['unexpected argument "extra"']],
    [
      ["--", "--grace", "x://u:pw@h"],
      ['unexpected argument "--grace"', 'unexpected argument "x://***@h"'],
    ],
    [["--grace", "--"], ["--grace needs a value: --grace <duration>"]],
  ];
  for (const [argv, problems] of rows)
    test(`the arguments ${JSON.stringify(argv)} are refused: ${problems.join("; ")}`, () =>
      assert.deepEqual(read(...argv).problems, problems));
});

test("every command has the switches --print-config and --help", () => {
  assert.deepEqual(read("--print-config", "-h").switched, ["--print-config", "--help"]);
  assert.deepEqual(read("--print-config", "word").problems, ['unexpected argument "word"']);
});
