// What stands in Dagster's event log decides, whichever process wrote it.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { Ending, StepOrder } from "../../core/runner/port.ts";
import { type DagsterHost, orderOf, startDagsterHost } from "../support/dagster/dagster-host.ts";
import { granting, never, reportOrder } from "../support/dagster/step-orders.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

describe("a step process reads the log first", () => {
  let deployment: Deployment;
  let host: DagsterHost;

  before(async () => {
    deployment = await Deployment.open();
    host = await startDagsterHost(deployment);
  });
  afterEach((t) => deployment.explain(t));
  after(async () => {
    await host.runner.stop();
    await deployment.close();
  });

  const terminal = async ({ envelope }: StepOrder) =>
    (await deployment.dagster.terminalEvents(envelope.runId)).map(({ type }) => type);

  // The log of an attempt that was reported holds no STEP_START: nothing of it may depend on one.
  for (const [event, retryIn, state] of [
    ["STEP_FAILURE", null, "failure"],
    ["STEP_UP_FOR_RETRY", 5, "up_for_retry"],
  ] as const) {
    test(`a step process finds the ${event} of a report before any start`, async () => {
      const order = await orderOf(deployment, "one_success", "succeed");
      const report = reportOrder(order.envelope, { retryIn });
      assert.deepEqual(summary(await host.runner.report(report, granting(), never)), ["reported", true]);
      const ask = granting();
      assert.deepEqual(summary(await host.runner.report(report, ask, never)), [state, false]);
      assert.deepEqual(summary(await host.runner.execute(order, ask, never)), [state, false]);
      assert.deepEqual(await terminal(order), [event]);
      assert.equal(ask.asked, 0);
    });
  }

  test("a step process distinguishes a later attempt from the ones before it", async () => {
    const { trace } = deployment.files();
    const config = { ops: { count: { config: { file: trace, failing_attempts: 1 } } } };
    const first = await orderOf(deployment, "counts_runs", "count", config);
    const second = { ...first, envelope: { ...first.envelope, attempt: 1 } };
    assert.deepEqual(summary(await host.runner.execute(first, granting(), never)), ["up_for_retry", true]);
    await deployment.dagster.sent(first.envelope.runId, "count");
    for (const [order, state, wrote] of [
      [first, "up_for_retry", false],
      [second, "success", true],
      [second, "success", false],
      [first, "up_for_retry", false],
    ] as const) {
      assert.deepEqual(summary(await host.runner.execute(order, granting(), never)), [state, wrote]);
    }
    assert.deepEqual(await terminal(first), ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]);
  });

  test("a step process takes a resource's failure as the end of its attempt, and leaves the follow-up to the run worker", async () => {
    const order = await orderOf(deployment, "resource_fails", "read_satellite");
    const ask = granting();
    assert.deepEqual(summary(await host.runner.execute(order, ask, never)), ["resource_init_failure", true]);
    assert.deepEqual(summary(await host.runner.execute(order, ask, never)), ["resource_init_failure", false]);
    assert.deepEqual(summary(await host.runner.report(reportOrder(order.envelope), ask, never)), [
      "resource_init_failure",
      false,
    ]);
    assert.equal(ask.asked, 1);
    assert.deepEqual(await terminal(order), []);
  });

  test("a step process writes nothing once its permit's deadline has passed", async () => {
    const order = await orderOf(deployment, "one_success", "succeed");
    const late = async () => ({ granted: true, withinMs: 0 }) as const;
    assert.equal((await host.runner.execute(order, late, never)).kind, "permit_refused");
    assert.deepEqual(await host.runner.report(reportOrder(order.envelope), late, never), { kind: "permit_refused" });
    assert.deepEqual(await terminal(order), []);
    assert.deepEqual(summary(await host.runner.execute(order, granting(), never)), ["success", true]);
  });

  test("a step process refuses to fan out a second time what has fanned out before", async () => {
    const order = await orderOf(deployment, "dynamic", "split");
    const late = async () => ({ granted: true, withinMs: 0 }) as const;
    assert.equal((await host.runner.execute(order, late, never)).kind, "permit_refused");
    const again = await host.runner.execute(order, granting(), never);
    assert.equal(again.kind === "rerun_refused" && again.error.class, "DynamicOutputsRecorded", JSON.stringify(again));
    assert.deepEqual(await terminal(order), []);
  });
});

function summary(ending: Ending): readonly unknown[] {
  return ending.kind === "ended" ? [ending.result.state, ending.wrote] : [ending.kind, ending];
}
