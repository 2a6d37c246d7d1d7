// What a real worker depends on goes away under it: it says why, spends no message on it, and comes
// back by itself.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { createQueues } from "../support/sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { Deployment, OPEN_AGAIN_MS } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a worker outlives an outage", () => {
  let server: SqsServer;
  let deployment: Deployment;
  let worker: WorkerProcess;
  let port: number;

  before(async () => {
    server = await startSqsServer();
    const sqs = asLocalSqs(server);
    deployment = new Deployment(sqs, await createQueues(sqs, "steps", { maxReceiveCount: 50 }));
    port = await freePort();
    worker = await deployment.startWorker({ flags: ["--health-port", String(port)] });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a worker outlives an outage of its credentials", async () => {
    server.faults.otherwise((action) =>
      action === "ReceiveMessage" ? { kind: "refuse", code: "ExpiredToken", status: 403 } : null,
    );
    const closed = await worker.said("intake.closed");
    assert.equal(closed["causes"], "queue");
    assert.match(
      closed.message,
      /^not receiving: AWS does not accept the credentials for ReceiveMessage on the queue /,
    );
    const [ready, why] = await ask("readyz");
    assert.deepEqual([ready, `not receiving: ${why}`], [503, closed.message]);
    assert.deepEqual(await ask("livez"), [200, "ok"]);
    const runId = await deployment.dagster.launch("fan_in");
    await eventually("its steps are sent", async () => (await deployment.queued()).length >= 8);
    assert.deepEqual(new Set((await deployment.queued()).map(({ receiveCount }) => receiveCount)), new Set([0]));
    assert.equal(worker.count("intake.closed"), 1);
    server.faults.clear();
    await worker.said("intake.open", undefined, OPEN_AGAIN_MS);
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(await ask("readyz"), [200, "ok"]);
  });

  test("a worker outlives an outage of Dagster's storage", async () => {
    const runId = await deployment.dagster.createRun("one_success");
    const history = join(deployment.home, "history");
    renameSync(history, `${history}.away`);
    const body = JSON.stringify({ run_id: runId, step_key: "succeed", retry_count: 0 });
    await deployment.send({ body, groupId: randomUUID(), deduplicationId: randomUUID() });
    const closed = await worker.said("intake.closed", ({ causes }) => causes === "instance");
    assert.match(closed.message, /^not receiving: the Dagster instance cannot be reached: OperationalError: /);
    assert.equal((await ask("readyz"))[0], 503);
    await worker.said("delivery.released");
    assert.deepEqual(
      (await deployment.queued()).map(({ body: left }) => left),
      [body],
    );
    renameSync(`${history}.away`, history);
    const isDone = async () => (await deployment.dagster.terminalEvents(runId)).length > 0;
    await eventually("the step is done", isDone, OPEN_AGAIN_MS);
    await recordedOnce(deployment, runId);
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.state, row?.starts], ["completed", 1]);
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  async function ask(page: string): Promise<readonly [number, string]> {
    const response = await fetch(`http://127.0.0.1:${port}/${page}`);
    return [response.status, ((await response.json()) as { why: string }).why];
  }
});
