// A stop with real steps: what runs may finish, what has not started goes back at once, what cannot
// finish costs nothing. `stop-bounds.test.ts` has how long a stop takes, by either signal.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

type Files = ReturnType<Deployment["files"]>;

describe("a worker that stops", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a stopping worker lets the running step finish, gives back what it has not started, and exits with 0", async () => {
    const worker = await deployment.startWorker({
      flags: ["--concurrency", "2", "--wait-time", "20s", "--grace", "60s"],
    });
    const running = deployment.files();
    const runningRun = await launchWaiting(running);
    await announced(running.started);
    worker.signal("SIGTERM");
    await worker.said("worker.stopping");
    // The second slot's long poll is under way, and fetches this one.
    const unstarted = deployment.files();
    const unstartedRun = await launchWaiting(unstarted);
    await worker.said("delivery.given_back");
    assert.deepEqual(await queuedState(unstartedRun), { state: "visible", receiveCount: 1 });
    assert.equal(worker.running, true);
    writeFileSync(running.release, "");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(await deployment.dagster.finished(runningRun), "SUCCESS");
    assert.equal(worker.count("step.claimed"), 1);
    assert.equal(worker.log.at(-1)?.event, "worker.stopped", "the log's last line has left the process");
    assert.deepEqual(deployment.ledger(unstartedRun), []);
    assert.deepEqual(await queuedState(unstartedRun), { state: "visible", receiveCount: 1 });
    assert.deepEqual(worker.processes(), []);
    await finishWithAnother(unstartedRun, unstarted);
    await recordedOnce(deployment, runningRun);
  });

  test("a worker that gets a second signal ends at once, whatever the grace, at no cost to its steps", async () => {
    const worker = await deployment.startWorker({ flags: ["--grace", "600s"] });
    const files = deployment.files();
    const runId = await launchWaiting(files);
    await announced(files.started);
    worker.signal("SIGTERM");
    await worker.said("worker.stopping");
    worker.signal("SIGTERM");
    await assertInterrupted(worker, runId);
    await finishWithAnother(runId, files);
  });

  function launchWaiting({ started, release }: Files): Promise<string> {
    return deployment.dagster.launch("waits_for_file", { ops: { wait: { config: { started, release } } } });
  }

  async function assertInterrupted(worker: WorkerProcess, runId: string): Promise<void> {
    assert.deepEqual(await worker.exit(10_000), { code: 0, signal: null });
    assert.deepEqual(worker.processes(), []);
    // Its own last poll may have fetched it once more, and given it back.
    assert.equal((await queuedState(runId)).state, "visible");
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.state, row?.starts, row?.leaseExpiresAtMs], ["pending", 0, null]);
    const abandoned = worker.log.filter(({ event }) => event === "step.requeued");
    assert.deepEqual(
      abandoned.map(({ key }) => key),
      [`${runId}:wait`],
      "one line per abandoned step",
    );
    const messages = (await deployment.dagster.records(runId)).map(({ message }) => message);
    assert.ok(messages.includes("Step goes back to the queue at once: interrupted before it had an outcome"));
    assert.deepEqual(await deployment.dagster.terminalEvents(runId), []);
  }

  /** The step's files must not be there yet, but for those an interrupted try left. */
  async function finishWithAnother(runId: string, { release }: Files): Promise<void> {
    writeFileSync(release, "");
    const another = await deployment.startWorker({ id: "another" });
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.equal(deployment.ledger(runId)[0]?.starts, 1);
    assert.deepEqual(await another.stop(), { code: 0, signal: null });
  }

  async function queuedState(runId: string) {
    const messages = (await deployment.queued()).filter(({ groupId }) => groupId === `${runId}:wait`);
    assert.equal(messages.length, 1, "the message is in the queue");
    const [message] = messages;
    return { state: message?.state, receiveCount: message?.receiveCount };
  }
});
