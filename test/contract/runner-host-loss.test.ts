// Step hosts that die or go deaf: what they ran is dead before anyone hears of it, and another host
// takes over.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Ending } from "../../core/runner/port.ts";
import { type StepHost, stepHost } from "../support/dagster/step-hosts.ts";
import { granting, never, stepOrder } from "../support/dagster/step-orders.ts";
import { eventually } from "../support/eventually.ts";

const lost = (scope: "host" | "step", how = "signal SIGKILL"): Ending => ({
  kind: "fault",
  scope,
  error: { class: "StepHostLost", message: `the step host ended (${how})`, traceback: "" },
});

/** Everything the test started but the host itself. */
const steps = ({ alive }: StepHost) => alive().filter(({ parent }) => parent !== process.pid);

describe("a step host that dies", () => {
  test("a step host that dies before it started the step is to blame, not the step", async (t) => {
    const { runner } = await stepHost(t, "dies-before-starting");
    await runner.start();
    assert.deepEqual(await runner.execute(stepOrder("load"), granting(), never), lost("host"));
  });

  test("the steps of a host that died are dead, with all their processes, when their endings are known", async (t) => {
    const host = await stepHost(t, "dies-mid-step");
    await host.runner.start();
    const left: number[] = [];
    const first = host.runner.execute(stepOrder("first"), granting(), never).then((ending) => {
      left.push(...steps(host).map(({ pid }) => pid));
      return ending;
    });
    await eventually("the first step and all below it run", () => steps(host).length >= 4);
    const last = host.runner.execute(stepOrder("last"), granting(), never);
    assert.deepEqual(await Promise.all([first, last]), [lost("step"), lost("step")]);
    assert.deepEqual(left, []);
  });

  test("a step that was to be killed is interrupted, even if its host dies of the kill", async (t) => {
    const host = await stepHost(t, "dies-mid-step");
    await host.runner.start();
    const kill = new AbortController();
    const first = host.runner.execute(stepOrder("first"), granting(), kill.signal);
    await eventually("the step runs", () => steps(host).length >= 2);
    kill.abort(); // The host dies of it.
    assert.equal((await first).kind, "interrupted");
  });

  test("a step host that dies is reported as unavailable at once, and replaced", async (t) => {
    const { runner, logged } = await stepHost(t, "dies-before-starting");
    await runner.start();
    await runner.execute(stepOrder("load"), granting(), never);
    assert.equal(runner.unavailable(), "the step host ended (signal SIGKILL)");
    await eventually("another host is ready", () => runner.unavailable() === null);
    assert.equal(logged.of("host.ready").length, 2);
    const [observed] = logged.of("host.lost");
    assert.deepEqual([observed?.level, observed?.["work"]], ["error", 1]);
    assert.deepEqual(await runner.execute(stepOrder("load"), granting(), never), lost("host"));
  });

  test("a step host that cannot be replaced is started again until that succeeds; orders are refused meanwhile", async (t) => {
    const host = await stepHost(t, "fails-later-starts", (folder) => [`${folder}/starts`, `${folder}/mended`]);
    const { runner, logged, folder } = host;
    await runner.start();
    assert.deepEqual(await runner.execute(stepOrder("load"), granting(), never), lost("host", "exit code 3"));
    await eventually("two starts failed", () => logged.of("host.start_failed").length >= 2);
    const why = "step host cannot work (INSTANCE): the Dagster storage is away";
    assert.deepEqual(logged.messages("host.start_failed").slice(0, 2), [why, why]);
    const refused = await runner.execute(stepOrder("load"), granting(), never);
    assert.equal(refused.kind === "fault" && refused.scope, "host");
    writeFileSync(`${folder}/mended`, "");
    await eventually("the storage is back", () => runner.unavailable() === null);
  });

  test("a step host that cannot be replaced is given up when the runner stops", async (t) => {
    const host = await stepHost(t, "fails-later-starts", (folder) => [`${folder}/starts`, `${folder}/mended`]);
    const { runner, logged, folder, alive } = host;
    await runner.start();
    await runner.execute(stepOrder("load"), granting(), never);
    await eventually("a start failed", () => logged.of("host.start_failed").length > 0);
    await runner.stop();
    assert.deepEqual([alive(), runner.unavailable()], [[], "stopping"]);
    const starts = readFileSync(`${folder}/starts`, "utf8");
    assert.equal(starts.split("\n").length - 1, 1 + logged.of("host.start_failed").length);
  });
});

describe("a step host that does not answer", () => {
  test("a step host that ignores a kill is itself killed after the step, and replaced", async (t) => {
    const host = await stepHost(t, "ignores-kill");
    const { runner, logged } = host;
    await runner.start();
    const kill = new AbortController();
    const running = runner.execute(stepOrder("load"), granting(), kill.signal);
    await eventually("the step runs", () => steps(host).length > 0);
    kill.abort();
    await eventually("the step is dead, the host is not", () => {
      return steps(host).length === 0 && logged.of("host.lost").length === 0;
    });
    assert.equal((await running).kind, "interrupted");
    assert.deepEqual(logged.messages("host.lost"), ["the step host ended (signal SIGKILL)"]);
    await eventually("another host is ready", () => runner.unavailable() === null);
  });

  test("a step host that ignores the stop is killed with its steps, and the steps end as lost", async (t) => {
    const host = await stepHost(t, "ignores-kill");
    await host.runner.start();
    const running = host.runner.execute(stepOrder("load"), granting(), never);
    await eventually("the step runs", () => steps(host).length > 0);
    await host.runner.stop();
    assert.deepEqual(host.alive(), []);
    assert.deepEqual(await running, lost("step"));
    assert.deepEqual(host.logged.of("host.lost"), []);
  });
});
