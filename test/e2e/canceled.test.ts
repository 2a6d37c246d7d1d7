// A run that is canceled, or marked so by force: what runs is interrupted on every worker, what
// waits in the queue never starts, and nothing stays taken.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";

const STEPS = [0, 1, 2, 3, 4, 5].map((n) => `wait_${n}`);
/** Of two workers with two slots each. */
const RUNNING = 4;

describe("a canceled run", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
    // One after the other: two processes that create a SQLite instance at once trip over each other
    // in Dagster.
    for (const id of ["worker-1", "worker-2"]) await deployment.startWorker({ id, flags: ["--concurrency", "2"] });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  for (const how of ["by its run worker", "force"] as const) {
    test(`a run canceled (${how}) interrupts its steps on all workers and leaves nothing behind`, async () => {
      const files = new Map(STEPS.map((step) => [step, deployment.files()]));
      const config = [...files].map(([step, { started, release }]) => [step, { config: { started, release } }]);
      const runId = await deployment.dagster.launch("six_wait", { ops: Object.fromEntries(config) });
      const begun = await eventually("every slot is taken", () => {
        const steps = deployment.ledger(runId).filter(({ state }) => state === "running");
        return steps.length === RUNNING && steps.map(({ step }) => step.stepKey);
      });
      await Promise.all(begun.map((step) => announced(files.get(step)?.started ?? "")));

      await deployment.dagster.terminate(runId, how);
      assert.equal(await deployment.dagster.finished(runId), "CANCELED");
      await deployment.queueEmpty();

      assert.deepEqual(await deployment.deadLetters(), []);
      const rows = new Map(deployment.ledger(runId).map((row) => [row.step.stepKey, row]));
      assert.deepEqual([...rows.keys()].toSorted(), STEPS);
      for (const [step, { state, starts, outcome }] of rows) {
        const expected = begun.includes(step) ? ["failed", 1, "failure"] : ["completed", 1, "run_over"];
        assert.deepEqual([step, state, starts, outcome?.state], [step, ...expected]);
      }
      const ended = (await deployment.dagster.terminalEvents(runId)).map(({ step }) => step);
      assert.deepEqual(ended.toSorted(), begun.toSorted());
      assert.equal(await deployment.dagster.status(runId), "CANCELED", "what the steps recorded later changes nothing");
      await requireFreeWorkers();
    });
  }

  async function requireFreeWorkers(): Promise<void> {
    const runId = await deployment.dagster.launch("one_success");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
  }
});
