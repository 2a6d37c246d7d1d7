// A disk without a free byte: what a worker keeps on it cannot be written for a while. One line for
// each outage, nothing lost, and all of it goes on.
import assert from "node:assert/strict";
import { appendFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, type TestContext, test } from "node:test";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment, OPEN_AGAIN_MS } from "../support/taskiq/deployment.ts";
import { mountSmallDisk, type SmallDisk } from "../support/taskiq/small-disk.ts";

const MEGABYTES = 8;
const RUNS = 4;

interface Site {
  readonly deployment: Deployment;
  readonly disk: SmallDisk;
}

/** The compute logs of steps are on the disk, those of run workers are not. */
const sites: Site[] = [];
afterEach(async (t) => {
  for (const { deployment, disk } of sites.splice(0)) {
    await deployment.explain(t as TestContext);
    disk.unmount();
    await deployment.close();
  }
});

async function open(t: TestContext): Promise<Site | null> {
  const deployment = await Deployment.open(50, { LOGS: "/nowhere" });
  const { home } = deployment;
  const disk = mountSmallDisk(join(home, "disk"), MEGABYTES);
  if (disk === null) {
    await deployment.close();
    t.skip("this user may not mount a file system");
    return null;
  }
  sites.push({ deployment, disk });
  const module = "dagster._core.storage.local_compute_log_manager";
  appendFileSync(
    join(home, "dagster.yaml"),
    `compute_logs:\n  module: ${module}\n  class: LocalComputeLogManager\n  config: {base_dir: {env: LOGS}}\n`,
  );
  return { deployment, disk };
}

test("a full disk under ledger, state directory and compute logs costs one log line and no step, and work resumes with room", async (t) => {
  const site = await open(t);
  if (site === null) return;
  const { deployment, disk } = site;
  symlinkSync(join(disk.path, "taskiq.sqlite"), join(deployment.home, "taskiq.sqlite"));
  const env = { LOGS: join(disk.path, "logs"), TASKIQ_STATE_DIR: join(disk.path, "state") };
  const worker = await deployment.startWorker({ env });
  const { started, release } = deployment.files();
  const waiting = await deployment.dagster.launch("waits_for_file", {
    ops: { wait: { config: { started, release } } },
  });
  await announced(started);
  disk.fill();
  const runs = [waiting];
  for (let i = 0; i < RUNS; i += 1) runs.push(await deployment.dagster.launch("one_success"));
  await worker.said("intake.closed", ({ message }) => message.includes("the disk is full"), 60_000);
  // The step's lease cannot be renewed, so it is ended before another worker could have it.
  await worker.said("lease.lost", () => true, 60_000);
  const lines = worker.log.filter(({ level }) => level === "warn" || level === "error").map(({ event }) => event);
  // The one line about the lease is a renewal's, or that of an abandonment after it.
  const [closed, lost, third = "", ...more] = lines.toSorted();
  assert.deepEqual([closed, lost, more], ["intake.closed", "lease.lost", []]);
  assert.match(String(third), /^(?:lease\.renew_failed|ledger\.unreachable)$/);
  writeFileSync(release, "");
  disk.free();
  await worker.said("intake.open", () => true, OPEN_AGAIN_MS);
  for (const runId of runs) {
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
  }
  assert.deepEqual(await deployment.deadLetters(), []);
});

test("compute logs on a full disk: a step that prints fails as under Dagster's own executors, others and the worker go on", async (t) => {
  const site = await open(t);
  if (site === null) return;
  const { deployment, disk } = site;
  const { dagster } = deployment;
  const worker = await deployment.startWorker({ env: { LOGS: join(disk.path, "logs") } });
  disk.fill();
  const [prints, silent] = [await dagster.launch("noisy"), await dagster.launch("one_success")];
  assert.deepEqual([await dagster.finished(prints), await dagster.finished(silent)], ["FAILURE", "SUCCESS"]);
  for (const runId of [prints, silent]) await recordedOnce(deployment, runId);
  const [{ outcome } = { outcome: null }] = deployment.ledger(prints);
  assert.match(outcome?.error?.traceback ?? "", /OSError: \[Errno 28\] No space left on device/);
  assert.deepEqual([worker.count("intake.closed"), worker.count("step.requeued")], [0, 0]);
  disk.free();
  assert.equal(await dagster.finished(await dagster.launch("noisy")), "SUCCESS");
});
