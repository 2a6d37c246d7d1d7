// `npm test`: which stages are chosen, what counts as passed, and the closing lines.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { judge as judgeNodeTests, type TestEnd } from "../../../dev/test/node-tests.ts";
import { judge as judgePytest } from "../../../dev/test/pytest.ts";
import { select } from "../../../dev/test/selection.ts";
import type { Stage } from "../../../dev/test/stages.ts";
import { summarize } from "../../../dev/test/summary.ts";

function stage(name: string, quick: boolean): Stage {
  return { name, what: "", quick, needs: [], run: () => Promise.reject(new Error("not to be run")) };
}

const stages = [stage("types", true), stage("python-lint", true), stage("unit", true), stage("python-tests", false)];

const selections = [
  { args: [], chosen: ["types", "python-lint", "unit", "python-tests"] },
  { args: ["quick"], chosen: ["types", "python-lint", "unit"] },
  { args: ["unit", "types"], chosen: ["types", "unit"] },
  { args: ["python"], chosen: ["python-lint", "python-tests"] },
  { args: ["test/unit/step/step.test.ts"], chosen: ["node files"] },
  { args: ["types", "python/tests/test_x.py", "python/tests/test_y.py::test_z"], chosen: ["types", "python files"] },
];

for (const { args, chosen } of selections) {
  test(`npm test -- ${args.join(" ")} runs the stages that it names`, () => {
    const selection = select(args, stages);
    assert.equal(selection.kind, "stages");
    assert.deepEqual(selection.kind === "stages" ? selection.stages.map(({ name }) => name) : [], chosen);
  });
}

test("an argument that is not a stage is refused, with a list of the stages", () => {
  assert.deepEqual(select(["unit", "unti"], stages), {
    kind: "unknown",
    message:
      'expected a stage (types, python-lint, unit, python-tests), quick, or a test file (….test.ts, ….py), got "unti"',
  });
});

const file = resolve("test/unit/a.test.ts");
const ended = (name: string, more: Partial<TestEnd> = {}): TestEnd => ({ file, name, details: {}, ...more });
const failure = { error: new Error("1 !== 2") };
const aborted = { error: Object.assign(new Error("aborted"), { failureType: "testAborted" }) };

const verdicts = [
  {
    what: "two tests in a suite",
    ends: [ended("a"), ended("b"), ended("s", { details: { type: "suite" } })],
    tests: 2,
    detail: "",
  },
  { what: "a failed test", ends: [ended("a"), ended("b", { details: failure })], tests: 2, detail: "1 failed" },
  { what: "a skipped test", ends: [ended("a", { skip: true })], tests: 1, detail: "1 skipped" },
  { what: "a test to be written", ends: [ended("a", { todo: "later" })], tests: 1, detail: "1 skipped" },
  { what: "a file without tests", ends: [ended(file)], tests: 0, detail: "no test in test/unit/a.test.ts" },
  { what: "a file that throws", ends: [ended(file, { details: failure })], tests: 0, detail: "1 failed" },
  {
    what: "a file that does not end",
    ends: [ended("a"), ended(file, { details: aborted })],
    tests: 1,
    detail: "did not end: test/unit/a.test.ts",
  },
];

for (const { what, ends, tests, detail } of verdicts) {
  test(`a stage with ${what} ${detail === "" ? "passed" : `did not pass: ${detail}`}`, () =>
    assert.deepEqual(judgeNodeTests([file], ends), { passed: detail === "", tests, detail }));
}

test("a stage without test files does not pass", () => {
  assert.deepEqual(judgeNodeTests([], []), { passed: false, tests: 0, detail: "no test files" });
});

const pytestReport = (skipped: number) =>
  `<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="${skipped}" tests="7" time="1.2">`;

test("pytest's report is counted, and a skipped test does not pass", () => {
  assert.deepEqual(judgePytest(pytestReport(0)), { passed: true, tests: 7, detail: "" });
  assert.deepEqual(judgePytest(pytestReport(2)), { passed: false, tests: 7, detail: "2 skipped" });
});

test("a report that counts nothing is an error", () => {
  assert.throws(() => judgePytest("<empty/>"), {
    message: "expected pytest's report to count skipped, got: <empty/>",
  });
});

test("the summary of a good run names every stage", () => {
  const results = [
    { stage: "types", ms: 11_234, passed: true, tests: null, detail: "" },
    { stage: "unit", ms: 63_000, passed: true, tests: 12, detail: "" },
  ];
  assert.deepEqual(summarize(results, 64_000).split("\n"), [
    "  types  ok         11.2 s",
    "  unit   ok         63.0 s  12 tests",
    "",
    "All 2 stages passed: 12 tests, 1 min 4 s",
  ]);
});

test("the summary of a bad run names what did not pass", () => {
  const results = [
    { stage: "build", ms: 100, passed: false, tests: null, detail: "exit code 1" },
    { stage: "unit", ms: null, passed: false, tests: null, detail: "build failed" },
    { stage: "contract", ms: 2000, passed: true, tests: 3, detail: "" },
  ];
  assert.deepEqual(summarize(results, 2100).split("\n"), [
    "  build     FAILED      0.1 s  exit code 1",
    "  unit      not run            build failed",
    "  contract  ok          2.0 s  3 tests",
    "",
    "2 of 3 stages did not pass: build, unit",
  ]);
});
