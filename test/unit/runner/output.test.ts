// Following a step's output files: bounded, in order, to the last line.
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type Following, followOutput } from "../../../core/runner/output.ts";
import { eventually } from "../../support/eventually.ts";

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly lines: string[];
  readonly follow: () => Following;
}

function output(t: TestContext): Output {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-output-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const paths = { stdout: join(folder, "stdout"), stderr: join(folder, "stderr") };
  const lines: string[] = [];
  const follow = () => followOutput(paths, (stream, line) => void lines.push(`${stream}: ${line}`));
  return { ...paths, lines, follow };
}

describe("a step's output", () => {
  test("is told line by line, each file's as its own", async (t) => {
    const { stdout, stderr, lines, follow } = output(t);
    writeFileSync(stdout, "one\ntwo\n");
    writeFileSync(stderr, "warning\n");
    await follow().end();
    assert.deepEqual(lines.sort(), ["stderr: warning", "stdout: one", "stdout: two"]);
  });

  test("is told while the step runs, and a line only when it is whole", async (t) => {
    const { stdout, lines, follow } = output(t);
    writeFileSync(stdout, "one\ntw");
    const following = follow();
    await eventually("the first line", () => lines.length === 1);
    appendFileSync(stdout, "o\n");
    await eventually("the second", () => lines.length === 2);
    assert.deepEqual(lines, ["stdout: one", "stdout: two"]);
    await following.end();
  });

  test("may begin late, or never", async (t) => {
    const { stdout, lines, follow } = output(t);
    const following = follow();
    writeFileSync(stdout, "late\n");
    await eventually("the line", () => lines.length === 1);
    await following.end();
    assert.deepEqual(lines, ["stdout: late"]);
  });

  test("is read to its last line, which may have no end", async (t) => {
    const { stdout, lines, follow } = output(t);
    const following = follow();
    writeFileSync(stdout, "last words");
    await following.end();
    assert.deepEqual(lines, ["stdout: last words"]);
  });

  test("is text, also where a read ends within a character", async (t) => {
    const { stdout, lines, follow } = output(t);
    const bytes = Buffer.from("one\nø🙂\n");
    const within = bytes.length - 3;
    writeFileSync(stdout, bytes.subarray(0, within));
    const following = follow();
    await eventually("the first read", () => lines.length === 1);
    appendFileSync(stdout, bytes.subarray(within));
    await following.end();
    assert.deepEqual(lines, ["stdout: one", "stdout: ø🙂"]);
  });

  test("that comes faster than it can be told is told in part, and says how much is missing", async (t) => {
    const { stdout, lines, follow } = output(t);
    const line = `${"x".repeat(99)}\n`;
    writeFileSync(stdout, line.repeat(10_000));
    await follow().end();
    const [missing, ...told] = lines;
    assert.equal(missing, `stdout: … ${1_000_000 - 65_536} bytes left out of this log; the compute logs have them`);
    assert.equal(told.map((text) => text.slice("stdout: ".length)).join("\n").length, 65_536 - 1);
  });

  test("before a gap is not glued to what comes after it", async (t) => {
    const { stdout, lines, follow } = output(t);
    writeFileSync(stdout, "whole\nhalf a li");
    const following = follow();
    await eventually("the whole line", () => lines.length === 1);
    appendFileSync(stdout, "y".repeat(100_000));
    await following.end();
    assert.deepEqual(lines.slice(0, 3), [
      "stdout: whole",
      "stdout: half a li",
      `stdout: … ${100_000 - 65_536} bytes left out of this log; the compute logs have them`,
    ]);
    assert.match(lines[3] ?? "", /^stdout: y+$/);
  });

  test("that cannot be read is said once", async (t) => {
    const { stdout, lines, follow } = output(t);
    mkdirSync(stdout);
    const following = follow();
    await eventually("it is said", () => lines.length > 0);
    await following.end();
    assert.deepEqual(lines, [`stdout: … ${stdout} cannot be followed: EISDIR: illegal operation on a directory, read`]);
  });
});
