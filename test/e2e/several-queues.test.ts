// One worker, two real queues: steps of both are run, and each queue has its own dead letters.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment, type OtherQueue } from "../support/taskiq/deployment.ts";

describe("a worker of two queues", () => {
  let deployment: Deployment;
  let long: OtherQueue;

  before(async () => {
    deployment = await Deployment.open();
    long = await deployment.addQueue("long");
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a worker of two queues runs the steps of both, and buries beside the queue that a message came from", async () => {
    const { dagster, env } = deployment;
    const worker = await deployment.startWorker({
      flags: ["--queue", env["TASKIQ_QUEUE_URL"] ?? "", "--queue", `${long.url}:1:max=1`],
    });
    await long.send({ body: "{", groupId: "g", deduplicationId: "d" });
    const runs = [
      await dagster.launch("one_success"),
      await dagster.launch("one_success", { execution: { config: { queue_url: long.url } } }),
    ];
    for (const runId of runs) {
      assert.equal(await dagster.finished(runId), "SUCCESS");
      await recordedOnce(deployment, runId);
    }
    const claimed = worker.log.filter(({ event }) => event === "step.claimed").map(({ queue }) => queue);
    assert.deepEqual(new Set(claimed), new Set([env["TASKIQ_QUEUE_URL"], long.url]));
    const [letter] = await eventually("it is buried", async () => {
      const letters = await long.deadLetters();
      return letters.length > 0 && letters;
    });
    assert.equal(letter?.body, "{");
    assert.deepEqual(await deployment.deadLetters(), []);
    await eventually("both queues are empty", async () => (await long.queued()).length === 0);
    await deployment.queueEmpty();
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });
});
