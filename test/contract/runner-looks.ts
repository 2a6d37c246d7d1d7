// Looks: where attempts stand, found out without running anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { granting, never, refusing } from "../support/dagster/step-orders.ts";
import type { MakeRunner } from "./runner-setup.ts";

export function lookContract(make: MakeRunner): void {
  test("a look returns the standing of each attempt, in order, and leaves no process", async (t) => {
    const { runner, order, orderOfFinishedRun, processes } = await make(t);
    const [open, ended, over] = [await order("succeeds"), await order("fails"), await orderOfFinishedRun()];
    assert.equal((await runner.execute(ended, granting(), never)).kind, "ended");
    const nobodys = { runId: "no-such-run", stepKey: "load", attempt: 0 };
    const looked = await runner.look([ended.envelope, nobodys, over.envelope, open.envelope]);
    assert.equal(processes(), 0);
    if (looked.kind !== "looked") assert.fail(looked.failure.error.message);
    assert.deepEqual(
      looked.standings.map(({ run, ended, began }) => [run?.status ?? null, run?.goesOn ?? null, ended, began]),
      [
        ["STARTED", true, "failure", true],
        [null, null, null, false],
        ["SUCCESS", false, null, false],
        ["STARTED", true, null, false],
      ],
    );
    assert.ok(looked.standings[0]?.run?.job);
  });

  test("an attempt that began without an end is open", async (t) => {
    const { runner, order } = await make(t);
    const lost = await order("succeeds");
    await runner.execute(lost, refusing, never);
    const looked = await runner.look([lost.envelope]);
    if (looked.kind !== "looked") assert.fail(looked.failure.error.message);
    assert.deepEqual([looked.standings[0]?.ended, looked.standings[0]?.began], [null, true]);
  });

  test("a look changes no attempt, and a look at none answers nothing", async (t) => {
    const { runner, order, events } = await make(t);
    const wanted = await order("succeeds");
    await runner.look([wanted.envelope]);
    assert.deepEqual(await events(wanted.envelope), []);
    assert.equal((await runner.execute(wanted, granting(), never)).kind, "ended");
    assert.deepEqual(await runner.look([]), { kind: "looked", standings: [], instance: null });
  });

  test("a look of a runner that was stopped blames its host", async (t) => {
    const { runner, order } = await make(t);
    const { envelope } = await order("succeeds");
    await runner.stop();
    const looked = await runner.look([envelope]);
    assert.equal(looked.kind, "failed");
    if (looked.kind === "failed")
      assert.deepEqual([looked.failure.scope, looked.failure.error.class], ["host", "StepHostLost"]);
  });
}
