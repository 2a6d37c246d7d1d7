// The step host is killed, as the kernel does when memory runs out: nothing it ran is left, and its
// steps start again in a new one.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";

describe("a step host that is killed", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a killed step host takes its steps along, and they run again in a new one", async () => {
    const { dagster } = deployment;
    const worker = await deployment.startWorker();
    const { started, release } = deployment.files();
    const runId = await dagster.launch("waits_with_child", {
      ops: { wait_with_child: { config: { started, release } } },
    });
    const first = await announced(started);
    await eventually("the step's own child runs", () => worker.processes().some(({ parent }) => parent === first.pid));
    const before = worker.processes().filter(({ pid }) => pid !== worker.pid);
    const base = before.find(({ pid }) => pid === first.parent)?.parent;
    assert.notEqual(base, worker.pid, "a location host stands between");
    process.kill(base ?? first.parent, "SIGKILL");
    await worker.said("host.lost");
    const second = await eventually("the step runs again", () => {
      const now = JSON.parse(readFileSync(started, "utf8")) as typeof first;
      return now.pid !== first.pid && now;
    });
    assert.notEqual(second.parent, first.parent);
    const alive = new Set(worker.processes().map(({ pid }) => pid));
    assert.deepEqual(
      before.filter(({ pid }) => alive.has(pid)),
      [],
    );
    writeFileSync(release, "");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.owner, row?.fence, row?.starts], ["worker-1", 2, 2]);
    assert.equal(worker.running, true);
  });
});
