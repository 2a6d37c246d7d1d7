// Test files that share a process are judged as if each had its own.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { judge, type TestEnd } from "../../../dev/test/node-tests.ts";
import { endsOfFiles, split, withBatches } from "../../../dev/test/shared-processes.ts";

const batch = { entry: "/batch/1.mjs", files: ["/test/a.test.ts", "/test/b.test.ts"] };
const of = (file: string): TestEnd => ({ file, name: "holds", details: {} });
const ofEntry = (error: Error): TestEnd => ({ file: batch.entry, name: batch.entry, details: { error } });
const verdict = (...ends: TestEnd[]) => judge(batch.files, endsOfFiles([batch], ends));

test("tests of every file pass", () => {
  assert.deepEqual(verdict(of("/test/a.test.ts"), of("/test/b.test.ts")), { passed: true, tests: 2, detail: "" });
});

test("a file without a test is reported, though its process has some", () => {
  const { passed, detail } = verdict(of("/test/a.test.ts"));
  assert.equal(passed, false);
  assert.match(detail, /^no test in .*\/test\/b\.test\.ts$/);
});

test("a process that does not end is reported by the files in it", () => {
  const aborted = Object.assign(new Error("aborted"), { failureType: "testAborted" });
  const { passed, detail } = verdict(of("/test/a.test.ts"), of("/test/b.test.ts"), ofEntry(aborted));
  assert.equal(passed, false);
  assert.match(detail, /^did not end: .*\/test\/a\.test\.ts, .*\/test\/b\.test\.ts$/);
});

test("a process that fails outside of a test fails", () => {
  assert.equal(verdict(of("/test/a.test.ts"), of("/test/b.test.ts"), ofEntry(new Error("import"))).passed, false);
});

test("neighbouring files run in different processes, and none is left out", () => {
  assert.deepEqual(split(["a", "b", "c", "d", "e"], 2), [["a", "d"], ["b", "e"], ["c"]]);
});

test("the entry of a batch imports its files, and is removed afterwards", async () => {
  const folder = mkdtempSync(join(tmpdir(), "taskiq-batches-"));
  try {
    const [plain, hooked] = [join(folder, "plain.test.ts"), join(folder, "hooked.test.ts")];
    writeFileSync(plain, "test();\n  beforeEach(() => {});\n");
    writeFileSync(hooked, "beforeEach(() => {});\n");
    const entry = await withBatches([plain], 12, async (batches) => {
      assert.equal(readFileSync(batches[0]?.entry ?? "", "utf8"), `import "file://${plain}";\n`);
      return batches[0]?.entry ?? "";
    });
    assert.equal(existsSync(entry), false);
    await assert.rejects(
      withBatches([plain, hooked], 12, async () => null),
      /hooks outside of a suite, in .*hooked\.test\.ts: put them into one/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
