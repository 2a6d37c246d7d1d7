// The worker is PID 1, as in its image: what a step host leaves behind when it is killed becomes
// the child of PID 1, which alone can reap it.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import { zombiesOf } from "../support/taskiq/marked-processes.ts";
import { commandOfPidOne, hostAndBelow, pidOneOf } from "../support/taskiq/pid-one.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a worker that is PID 1", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    deployment = await Deployment.open();
    worker = await deployment.startWorker({ command: commandOfPidOne() });
  });
  afterEach((t) => deployment.explain(t));
  after(async () => {
    if (worker.running) await worker.killContainer();
    await deployment.close();
  });

  test("a worker as PID 1 has no zombie when its step host was killed, and the step runs again", async () => {
    const { dagster } = deployment;
    const { started, release } = deployment.files();
    const runId = await dagster.launch("waits_with_child", {
      ops: { wait_with_child: { config: { started, release } } },
    });
    const first = await announced(started);
    const killed = hostAndBelow(worker);
    assert.ok(killed.length >= 3, "host, step and the step's own child");
    process.kill(killed[0] ?? 0, "SIGKILL");
    await worker.said("host.lost");
    await eventually("all of them are reaped", () => !killed.some((pid) => existsSync(`/proc/${pid}`)));
    await eventually("the step runs again", () => {
      return (JSON.parse(readFileSync(started, "utf8")) as typeof first).pid !== first.pid;
    });
    writeFileSync(release, "");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.fence, row?.starts], [2, 2]);
    await eventually("no zombie is left", () => zombiesOf(pidOneOf(worker)).length === 0);
  });

  test("one signal to PID 1 reaches the worker once, and it ends with its own exit code", async () => {
    process.kill(pidOneOf(worker), "SIGTERM");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(worker.count("worker.stopping"), 1);
  });

  test("a killed worker ends its container with the exit code of the kill", async () => {
    worker = await deployment.startWorker({ command: commandOfPidOne() });
    const one = pidOneOf(worker);
    const itself = worker.processes().find(({ parent }) => parent === one);
    assert.ok(itself, "nothing runs below PID 1");
    process.kill(itself.pid, "SIGKILL");
    assert.deepEqual(await worker.exit(), { code: 137, signal: null });
    await eventually("nothing is left in it", () => worker.processes().length === 0);
  });
});
