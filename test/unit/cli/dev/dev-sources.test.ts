// What counts as a change of code for `taskiq dev`.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { watchSources } from "../../../../cli/dev/source-watch.ts";

/** Runs the actions, one before each look, and returns before which looks a change was reported. */
async function watched(t: TestContext, actions: readonly ((root: string) => void)[]): Promise<readonly number[]> {
  const root = mkdtempSync(join(tmpdir(), "taskiq-sources-"));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "jobs.py"), "one");
  const over = new AbortController();
  const reported: number[] = [];
  let look = 0;
  const clock = {
    sleep: async () => {
      const action = actions[look];
      look += 1;
      if (action === undefined) over.abort();
      else action(root);
    },
  };
  await watchSources([root], clock, over.signal, async () => void reported.push(look));
  return reported;
}

const nothing = () => undefined;
const writes = (path: string, text: string) => (root: string) => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
};

test("a change is reported once, when the files have rested for a look", async (t) => {
  const saves = [writes("jobs.py", "two, longer"), writes("defs/new.yaml", "x"), nothing, nothing, nothing];
  assert.deepEqual(await watched(t, saves), [3]);
});

test("a file that is removed is a change, too", async (t) => {
  assert.deepEqual(await watched(t, [(root) => rmSync(join(root, "jobs.py")), nothing, nothing]), [2]);
});

test("data, hidden directories and virtual environments are not code", async (t) => {
  const noise = ["out.csv", ".taskiq/x.py", "__pycache__/x.py", "env/pyvenv.cfg", "env/lib/x.py"];
  assert.deepEqual(await watched(t, [...noise.map((path) => writes(path, "x")), nothing, nothing]), []);
});
