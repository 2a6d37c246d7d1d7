// Reports: a step's end without its code, under a permit, and only where the log has none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { granting, never, refusing, reportOrder } from "../support/dagster/step-orders.ts";
import type { MakeRunner } from "./runner-setup.ts";

export function reportContract(make: MakeRunner): void {
  for (const [what, retryIn, event] of [
    ["without a retry left is a failure", null, "STEP_FAILURE"],
    ["with a retry left is up for it", 30, "STEP_UP_FOR_RETRY"],
  ] as const) {
    test(`a report ${what}`, async (t) => {
      const { runner, order, events, processes } = await make(t);
      const { envelope: step } = await order("crashes");
      const ask = granting();
      const ending = await runner.report(reportOrder(step, { retryIn }), ask, never);
      assert.deepEqual(ending.kind === "ended" && [ending.result.state, ending.wrote], ["reported", true]);
      assert.deepEqual([ask.asked, processes(), await events(step)], [1, 0, [event]]);
    });
  }

  test("a report writes nothing without a permit", async (t) => {
    const { runner, order, events } = await make(t);
    const { envelope: step } = await order("crashes");
    assert.deepEqual(await runner.report(reportOrder(step), refusing, never), { kind: "permit_refused" });
    assert.deepEqual(await events(step), []);
  });

  test("a report that parks asks nothing and writes nothing", async (t) => {
    const { runner, order, events } = await make(t);
    const { envelope: step } = await order("crashes");
    const ask = granting();
    const ending = await runner.report(reportOrder(step, { park: true }), ask, never);
    assert.equal(ending.kind === "ended" && ending.result.state, "parked");
    assert.deepEqual([ask.asked, await events(step)], [0, []]);
  });

  for (const park of [false, true]) {
    test(`a report of an attempt that is over says how it ended (${park ? "parking" : "reporting"})`, async (t) => {
      const { runner, order, events } = await make(t);
      const wanted = await order("succeeds");
      await runner.execute(wanted, granting(), never);
      const ask = granting();
      const ending = await runner.report(reportOrder(wanted.envelope, { park }), ask, never);
      assert.deepEqual(ending.kind === "ended" && [ending.result.state, ending.wrote], ["success", false]);
      assert.deepEqual([ask.asked, await events(wanted.envelope)], [0, ["STEP_START", "STEP_SUCCESS"]]);
    });
  }

  test("a report whose signal was aborted before is never started", async (t) => {
    const { runner, order, events } = await make(t);
    const { envelope: step } = await order("crashes");
    assert.deepEqual(await runner.report(reportOrder(step), granting(), AbortSignal.abort()), { kind: "interrupted" });
    assert.deepEqual(await events(step), []);
  });

  test("a notice is written, or reports that it was not", async (t) => {
    const { runner, order } = await make(t);
    const { envelope: step } = await order("succeeds");
    const notice = {
      ...step,
      level: "warning",
      message: "Step goes back to the queue",
      metadata: { starts: 1 },
    } as const;
    assert.equal(await runner.notice(notice), true);
    await runner.stop();
    assert.equal(await runner.notice(notice), false);
  });
}
