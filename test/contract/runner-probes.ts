// Probes: whether steps could run, found out without running one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { granting, never } from "../support/dagster/step-orders.ts";
import type { MakeRunner } from "./runner-setup.ts";

export function probeContract(make: MakeRunner): void {
  test("a probe of a runner that can take steps finds nothing wrong, and leaves no process", async (t) => {
    const { runner, processes } = await make(t);
    assert.equal(await runner.probe(null), null);
    assert.equal(processes(), 0);
  });

  test("a probe with a run leaves that run alone", async (t) => {
    const { runner, order, events } = await make(t);
    const wanted = await order("succeeds");
    assert.equal(await runner.probe(wanted.envelope.runId), null);
    assert.deepEqual(await events(wanted.envelope), []);
    assert.equal((await runner.execute(wanted, granting(), never)).kind, "ended");
  });

  test("a probe with an unknown run succeeds like a probe without a run", async (t) => {
    const { runner } = await make(t);
    assert.equal(await runner.probe("no-such-run"), null);
  });

  test("a probe of a runner that was stopped blames its host", async (t) => {
    const { runner } = await make(t);
    await runner.stop();
    const failure = await runner.probe(null);
    assert.deepEqual([failure?.scope, failure?.error.class], ["host", "StepHostLost"]);
  });
}
