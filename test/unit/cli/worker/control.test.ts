// The control endpoint beside a worker: open while the worker works, gone with it, and no reason
// for it not to work.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openControl } from "../../../../cli/worker/control.ts";
import { askWorker } from "../../../../cli/worker/control-client.ts";
import { readControlFiles } from "../../../../cli/worker/control-files.ts";
import { Observations } from "../../../support/observations.ts";
import { bench } from "../../worker/setup.ts";
import { machine } from "../known-machine.ts";

const here = { ...machine, uid: () => process.getuid?.() ?? 0 };

function place(t: TestContext) {
  const parent = mkdtempSync(join(tmpdir(), "taskiq-control-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const stateDir = join(parent, "state");
  return { stateDir, at: { directory: stateDir, uid: here.uid(), hostname: here.hostname() } };
}

test("a worker is asked through its control file, which is removed when it ends", async (t) => {
  const { stateDir, at } = place(t);
  const { worker } = bench(t);
  const { observe } = new Observations();
  const control = await openControl({ workerId: "w-1", stateDir }, worker, { machine: here }, observe);
  t.after(() => control.close());
  const [file] = await readControlFiles(at);
  assert.ok(file !== undefined);
  assert.deepEqual([file.worker, file.pid], ["w-1", 7]);
  const quiet = await askWorker(file, "quiet", "ada@laptop");
  assert.equal(quiet.kind === "state" && quiet.state.quiet?.by, "ada@laptop");
  assert.equal(worker.snapshot().quiet?.by, "ada@laptop");
  await askWorker(file, "resume", "ada@laptop");
  assert.equal(worker.snapshot().quiet, null);
  const stranger = await askWorker({ ...file, token: "0".repeat(64) }, "quiet", "eve");
  assert.deepEqual([stranger.kind, worker.snapshot().quiet], ["gone", null]);
  await control.close();
  assert.deepEqual(readdirSync(stateDir), []);
  assert.equal((await askWorker(file, "state", "")).kind, "gone");
});

test("a worker that cannot write a control file works without it, and says so", async (t) => {
  const { stateDir } = place(t);
  mkdirSync(stateDir, { mode: 0o755 });
  const { worker } = bench(t);
  const logged = new Observations();
  const control = await openControl({ workerId: "w-1", stateDir }, worker, { machine: here }, logged.observe);
  const [off] = logged.of("control.off");
  assert.equal(off?.level, "warn");
  assert.match(off?.message ?? "", /cannot be made quiet: .* is open to other users/);
  assert.deepEqual(readdirSync(stateDir), []);
  await control.close();
  assert.ok(existsSync(stateDir));
});
