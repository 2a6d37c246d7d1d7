// Following a step's output files: bounded, in order, to the last line.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../core/clock.ts";
import { type Following, followOutput } from "../../../core/runner/output.ts";
import { eventually } from "../../support/eventually.ts";

interface Output {
  readonly folder: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly lines: string[];
  readonly follow: () => Following;
}

function output(t: TestContext): Output {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-output-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const paths = { stdout: join(folder, "stdout"), stderr: join(folder, "stderr"), folder };
  const lines: string[] = [];
  const follow = () => followOutput(paths, (stream, line) => void lines.push(`${stream}: ${line}`), systemClock);
  return { ...paths, lines, follow };
}

describe("a step's output", () => {
  test("a step's output is logged line by line, with the stream of each line", async (t) => {
    const { stdout, stderr, lines, follow } = output(t);
    writeFileSync(stdout, "one\ntwo\n");
    writeFileSync(stderr, "warning\n");
    await follow().end();
    assert.deepEqual(lines.sort(), ["stderr: warning", "stdout: one", "stdout: two"]);
  });

  test("a step's output is logged while the step runs, each line once it is whole", async (t) => {
    const { stdout, lines, follow } = output(t);
    writeFileSync(stdout, "one\ntw");
    const following = follow();
    await eventually("the first line", () => lines.length === 1);
    appendFileSync(stdout, "o\n");
    await eventually("the second", () => lines.length === 2);
    assert.deepEqual(lines, ["stdout: one", "stdout: two"]);
    await following.end();
  });

  test("a step's output may begin late, or never", async (t) => {
    const { stdout, lines, follow } = output(t);
    const following = follow();
    writeFileSync(stdout, "late\n");
    await eventually("the line", () => lines.length === 1);
    await following.end();
    assert.deepEqual(lines, ["stdout: late"]);
  });

  test("a step's output is read to its last line, even without a line break", async (t) => {
    const { stdout, lines, follow } = output(t);
    const following = follow();
    writeFileSync(stdout, "last words");
    await following.end();
    assert.deepEqual(lines, ["stdout: last words"]);
  });

  test("a step's output stays text where a read ends within a character", async (t) => {
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

  test("output that comes too fast is logged in part, with the number of bytes left out", async (t) => {
    const { stdout, lines, follow } = output(t);
    const line = `${"x".repeat(99)}\n`;
    writeFileSync(stdout, line.repeat(10_000));
    await follow().end();
    const [missing, ...kept] = lines;
    assert.equal(missing, `stdout: … ${1_000_000 - 65_536} bytes left out of this log; the compute logs have them`);
    assert.equal(kept.map((text) => text.slice("stdout: ".length)).join("\n").length, 65_536 - 1);
  });

  test("a line before a gap is not joined to the output after it", async (t) => {
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

  test("output of empty lines is logged in part, with the number of lines left out", async (t) => {
    const { stdout, lines, follow } = output(t);
    writeFileSync(stdout, "\n".repeat(50_000));
    await follow().end();
    assert.equal(lines.length, 1_001);
    assert.equal(lines.at(-1), "stdout: … 49000 lines left out of this log; the compute logs have them");
  });
});

describe("a file that a step names", () => {
  const bad = (why: string) => (path: string) => [`stdout: … ${path} cannot be followed: ${why}`];
  const rows: readonly (readonly [string, (folder: string) => string, (path: string) => readonly string[]])[] = [
    ["a folder", (folder) => made(mkdirSync, join(folder, "f")), bad("it is not a regular file")],
    ["a FIFO", (folder) => made(mkfifo, join(folder, "f")), bad("it is not a regular file")],
    ["a device", () => "/dev/zero", bad("it is not a regular file")],
    [
      "a link",
      (folder) => linked("/etc/passwd", join(folder, "f")),
      (path) => bad(`ELOOP: too many symbolic links encountered, open '${path}'`)(path),
    ],
    ["a file elsewhere", () => "/etc/passwd", bad("it is not below FOLDER")],
    [
      "a file in a linked folder",
      (folder) => join(linked("/etc", join(folder, "etc")), "passwd"),
      bad("it is not below FOLDER"),
    ],
    ["a file of the kernel's", () => "/proc/self/environ", bad("it is not below FOLDER")],
    ["a missing file", (folder) => join(folder, "f"), () => []],
  ];
  for (const [what, make, expected] of rows) {
    test(`${what} is not read as output, and the reason is logged at most once`, async (t) => {
      const { folder, lines } = output(t);
      const plain = (text: string) => text.replaceAll(folder, "FOLDER");
      const path = make(folder);
      const files = { stdout: path, stderr: join(folder, "stderr"), folder };
      const following = followOutput(files, (stream, line) => void lines.push(`${stream}: ${line}`), systemClock);
      await following.end();
      assert.deepEqual(lines.map(plain), expected(path).map(plain));
    });
  }

  test("FIFOs named as output block no thread for file calls", async (t) => {
    const { folder } = output(t);
    const fifos = Array.from({ length: 8 }, (_, i) => made(mkfifo, join(folder, String(i))));
    const following = fifos.map((path) => followOutput({ stdout: path, stderr: path, folder }, assert.ok, systemClock));
    await readFile(import.meta.filename);
    await Promise.all(following.map((one) => one.end()));
  });

  test("a hanging disk delays the end of a step by at most two seconds", async (t) => {
    const { folder, stdout, lines, follow } = output(t);
    writeFileSync(stdout, "never read");
    const hung = Array.from({ length: 4 }, (_, i) => made(mkfifo, join(folder, String(i))));
    const opened = hung.map((path) => open(path));
    await follow().end();
    assert.deepEqual(lines, []);
    for (const path of hung) closeSync(openSync(path, constants.O_WRONLY));
    for (const file of await Promise.all(opened)) await file.close();
  });
});

function made(make: (path: string) => unknown, path: string): string {
  make(path);
  return path;
}

function mkfifo(path: string): void {
  execFileSync("mkfifo", [path]);
}

function linked(to: string, path: string): string {
  symlinkSync(to, path);
  return path;
}
