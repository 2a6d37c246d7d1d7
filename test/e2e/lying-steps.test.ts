// Steps whose user code says on its process's channel what their hosts and workers believe of
// steps, through the real host and the built worker.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { bodyOf } from "../support/taskiq/hostile-scene.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

/** The outcome that a golden frame of the host has. */
function outcomeIn(file: string): string {
  const { frame } = JSON.parse(readFileSync(new URL(`../../fixtures/frames/${file}.json`, import.meta.url), "utf8"));
  return JSON.stringify({ type: "outcome", outcome: frame.outcome });
}

describe("a step that lies", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    deployment = await Deployment.open();
    worker = await deployment.startWorker({ flags: ["--max-starts", "1"] });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  const run = async (line: string) => {
    const runId = await deployment.dagster.createRun("lies", { ops: { lie: { config: { line } } } });
    const body = bodyOf(runId, { step_key: "lie" });
    await deployment.send({ body, groupId: randomUUID(), deduplicationId: randomUUID() });
    return runId;
  };

  test("a step that reports an end without a permit is not believed and has failed", async () => {
    const runId = await run(outcomeIn("outcome-success"));
    const fault = await worker.said("step.fault", ({ run_id }) => run_id === runId);
    // The host asks the recorder how the step ended, and believes only faults of its process.
    assert.match(fault.message, /^StepProcessDied: the step process exited with code 0 before it had an outcome/);
    const ends = async () => (await deployment.dagster.terminalEvents(runId)).map(({ type }) => type);
    await eventually("its failure is recorded", async () => (await ends()).length > 0);
    assert.deepEqual(await ends(), ["STEP_FAILURE"]);
    await eventually("the row says so, too", () => deployment.ledger(runId)[0]?.outcome?.state === "reported");
  });

  for (const [what, file, scope] of [
    ["Dagster's storage", "outcome-fault-instance", "instance"],
    ["its code", "outcome-fault-location", "location"],
  ] as const) {
    test(`a step that falsely reports an outage of ${what} goes back to the queue, and no other step does`, async () => {
      const lying = await Promise.all(Array.from({ length: 3 }, () => run(outcomeIn(file))));
      const isHeard = (runId: string) =>
        worker.count("step.fault", (one) => one["run_id"] === runId && one["scope"] === scope) > 0;
      await eventually("each has lied", () => lying.every(isHeard));
      const honest = await deployment.dagster.launch("one_success");
      assert.equal(await deployment.dagster.finished(honest), "SUCCESS");
      assert.equal(worker.count("intake.closed"), 0);
      for (const runId of lying) {
        assert.deepEqual(await deployment.dagster.terminalEvents(runId), []);
        assert.equal(deployment.ledger(runId)[0]?.outcome, null);
      }
    });
  }
});
