// Killing: an attempt whose signal aborts is dead when its ending is known. No other attempt is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { granting, never } from "../support/dagster/step-orders.ts";
import { eventually } from "../support/eventually.ts";
import type { MakeRunner, RunnerUnderTest } from "./runner-setup.ts";

export function killContract(make: MakeRunner): void {
  test("a step whose signal aborts is killed, with everything below it, and writes nothing", async (t) => {
    const made = await make(t);
    const { step, running, kill } = await startBlocking(made);
    kill.abort();
    assert.equal((await running).kind, "interrupted");
    // The step is reaped by now; the kernel may still be ending what was below it.
    await eventually("nothing is left of the step", () => made.processes() === 0, 1_000);
    assert.deepEqual(await made.events(step), ["STEP_START"]);
  });

  test("a step whose signal was aborted before is never started", async (t) => {
    const { runner, order, events, processes } = await make(t);
    const wanted = await order("succeeds");
    const ask = granting();
    assert.deepEqual(await runner.execute(wanted, ask, AbortSignal.abort()), { kind: "interrupted" });
    assert.deepEqual([ask.asked, processes(), await events(wanted.envelope)], [0, 0, []]);
    const other = await runner.execute(await order("succeeds"), granting(), never);
    assert.equal(other.kind, "ended");
  });

  test("a step that waits for its permit is killed, and writes nothing when the permit comes", async (t) => {
    const { runner, order, events } = await make(t);
    const wanted = await order("succeeds");
    const kill = new AbortController();
    const asked = Promise.withResolvers<void>();
    const permit = Promise.withResolvers<{ granted: true; withinMs: number }>();
    const ask = async () => {
      asked.resolve();
      return await permit.promise;
    };
    const running = runner.execute(wanted, ask, kill.signal);
    await asked.promise;
    kill.abort();
    assert.equal((await running).kind, "interrupted");
    permit.resolve({ granted: true, withinMs: 30_000 });
    const other = await runner.execute(await order("succeeds"), granting(), never);
    assert.equal(other.kind, "ended");
    assert.deepEqual(await events(wanted.envelope), ["STEP_START"]);
  });

  test("killing one step leaves the others alone", async (t) => {
    const made = await make(t);
    const first = await startBlocking(made);
    const second = await startBlocking(made);
    first.kill.abort();
    assert.equal((await first.running).kind, "interrupted");
    const other = await made.runner.execute(await made.order("succeeds"), granting(), never);
    assert.equal(other.kind, "ended");
    assert.ok(made.processes() > 0, "the second step is gone, too");
    second.kill.abort();
    assert.equal((await second.running).kind, "interrupted");
  });

  test("a signal that aborts after the end changes nothing", async (t) => {
    const { runner, order } = await make(t);
    const kill = new AbortController();
    await runner.execute(await order("succeeds"), granting(), kill.signal);
    kill.abort();
    const other = await runner.execute(await order("succeeds"), granting(), never);
    assert.equal(other.kind, "ended");
  });

  test("a started runner takes steps, and a stopped runner says that it cannot and runs nothing", async (t) => {
    const { runner, order, events, processes } = await make(t);
    assert.equal(runner.unavailable(), null);
    const wanted = await order("succeeds");
    await runner.stop();
    assert.equal(runner.unavailable(), "stopping");
    const ending = await runner.execute(wanted, granting(), never);
    assert.equal(ending.kind === "fault" && ending.scope, "host", JSON.stringify(ending));
    assert.deepEqual([processes(), await events(wanted.envelope)], [0, []]);
    await runner.stop();
  });
}

async function startBlocking({ runner, order, events }: RunnerUnderTest) {
  const wanted = await order("blocks");
  const kill = new AbortController();
  const running = runner.execute(wanted, granting(), kill.signal);
  await eventually("the step runs", async () => (await events(wanted.envelope)).length > 0);
  return { step: wanted.envelope, running, kill };
}
