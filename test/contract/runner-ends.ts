// How a step ends, what it wrote, and what it asked before.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ending } from "../../core/runner/port.ts";
import { granting, never, refusing } from "../support/dagster/step-orders.ts";
import type { Deed, MakeRunner } from "./runner-setup.ts";

export function endContract(make: MakeRunner): void {
  for (const [deed, state, event] of [
    ["succeeds", "success", "STEP_SUCCESS"],
    ["fails", "failure", "STEP_FAILURE"],
    ["wants_retry", "up_for_retry", "STEP_UP_FOR_RETRY"],
  ] as const) {
    test(`a step that ${deed} asks once, writes its event and says how it ended`, async (t) => {
      const { runner, order, events, processes } = await make(t);
      const wanted = await order(deed);
      const ask = granting();
      const ending = await runner.execute(wanted, ask, never);
      assert.equal(processes(), 0);
      assert.deepEqual(await events(wanted.envelope), ["STEP_START", event]);
      assert.equal(ask.asked, 1);
      requireEnded(ending, state, true);
      if (state === "failure") requireReason(ending);
    });
  }

  for (const deed of ["succeeds", "fails", "wants_retry"] as const) {
    test(`a step that ${deed} writes nothing without a permit`, async (t) => {
      const { runner, order, events, processes } = await make(t);
      const wanted = await order(deed);
      assert.equal((await runner.execute(wanted, refusing, never)).kind, "permit_refused");
      assert.equal(processes(), 0);
      assert.deepEqual(await events(wanted.envelope), ["STEP_START"]);
    });
  }

  for (const deed of ["crashes", "exits", "cannot_run"] as const) {
    test(`a step that ${deed} is a fault of the step`, async (t) => {
      const { runner, order, processes } = await make(t);
      const ask = granting();
      const ending = await runner.execute(await order(deed), ask, never);
      assert.equal(ending.kind === "fault" && ending.scope, "step", JSON.stringify(ending));
      assert.deepEqual([ask.asked, processes()], [0, 0]);
    });
  }

  test("steps that run at once each get their own end", async (t) => {
    const { runner, order, processes } = await make(t);
    const deeds: readonly Deed[] = ["succeeds", "crashes", "fails", "succeeds", "exits", "wants_retry"];
    const orders = await Promise.all(deeds.map(order));
    const endings = await Promise.all(orders.map((wanted) => runner.execute(wanted, granting(), never)));
    assert.deepEqual(endings.map(summary), ["success", "fault", "failure", "success", "fault", "up_for_retry"]);
    assert.equal(processes(), 0);
  });
}

/** What the runner decides by the attempt's log, before any code of the step is imported. */
export function attemptContract(make: MakeRunner): void {
  test("an attempt that is over already is neither run nor asked for", async (t) => {
    const { runner, order, events } = await make(t);
    const wanted = await order("succeeds");
    await runner.execute(wanted, granting(), never);
    const ask = granting();
    requireEnded(await runner.execute(wanted, ask, never), "success", false);
    assert.equal(ask.asked, 0);
    assert.deepEqual(await events(wanted.envelope), ["STEP_START", "STEP_SUCCESS"]);
  });

  test("a step of a run that is over is neither run nor asked for", async (t) => {
    const { runner, orderOfFinishedRun, events } = await make(t);
    const wanted = await orderOfFinishedRun();
    const ask = granting();
    requireEnded(await runner.execute(wanted, ask, never), "run_over", false);
    assert.deepEqual([ask.asked, await events(wanted.envelope)], [0, []]);
  });

  test("a rerun that an earlier start forbids is refused, with the reason", async (t) => {
    const { runner, order } = await make(t);
    const ending = await runner.execute(await order("refuses_rerun"), granting(), never);
    assert.equal(ending.kind, "rerun_refused");
    assert.equal(ending.kind === "rerun_refused" && ending.error.class, "WorkerLost");
  });

  test("an attempt that the run has not sent is not run, and no permit is asked for it", async (t) => {
    const { runner, order, events } = await make(t);
    const ask = granting();
    const wanted = await order("is_not_open");
    const ending = await runner.execute(wanted, ask, never);
    assert.equal(ending.kind === "not_open" && ending.error.class, "NotOpen", JSON.stringify(ending));
    assert.deepEqual([ask.asked, (await events(wanted.envelope)).filter((event) => event !== "STEP_START")], [0, []]);
  });
}

function requireReason(ending: Ending): void {
  const error = ending.kind === "ended" ? ending.result.error : null;
  assert.equal(typeof error?.class, "string");
  assert.notEqual(error?.message, "");
  assert.match(error?.traceback ?? "", new RegExp(error?.class ?? "a class"));
}

function requireEnded(ending: Ending, state: string, wrote: boolean): void {
  if (ending.kind !== "ended") assert.fail(`expected ${state}, got ${JSON.stringify(ending)}`);
  assert.deepEqual([ending.result.state, ending.wrote], [state, wrote]);
  const { started_at, completed_at, execution_time_seconds } = ending.result;
  assert.ok(started_at <= completed_at, `started at ${started_at}, completed at ${completed_at}`);
  assert.ok(Math.abs(completed_at - started_at - execution_time_seconds) < 0.001, `took ${execution_time_seconds}`);
}

function summary(ending: Ending): string {
  return ending.kind === "ended" ? ending.result.state : ending.kind;
}
