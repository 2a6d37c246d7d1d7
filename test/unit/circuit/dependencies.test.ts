// The failures and successes that reach the breaker from the ledger and the runner.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Watcher, watchLedger, watchRunner } from "../../../core/circuit/dependencies.ts";
import { Fault } from "../../../core/faults.ts";
import type { Ending } from "../../../core/runner/port.ts";
import { granting, never, reportOrder, stepOrder } from "../../support/dagster/step-orders.ts";
import { FakeRunner } from "../../support/ports/fake-runner.ts";
import {
  crashes,
  errorInfo,
  fails,
  faults,
  inTurn,
  refusesRerun,
  type Script,
  succeeds,
} from "../../support/ports/scripted-steps.ts";

function recorder() {
  const heard: string[] = [];
  const watcher: Watcher = {
    failed: ({ cause, why, runId }) =>
      void heard.push(`failed ${cause}: ${why}${runId === undefined ? "" : ` (${runId})`}`),
    worked: (...causes) => void heard.push(`worked ${causes.join(" ")}`),
  };
  return { heard, watcher };
}

describe("the ledger", () => {
  const hold = { key: "run-1:load", fence: 1 };
  const used = (answer: () => Promise<never>) => {
    const { heard, watcher } = recorder();
    const ledger = {
      claim: answer,
      renew: answer,
      permit: answer,
      settle: answer,
      abandon: answer,
      burialKey: answer,
      lock: answer,
      prune: answer,
    };
    const watched = watchLedger(ledger, watcher);
    const calls = [
      () => watched.claim({} as never),
      () => watched.renew([hold], 1_000),
      () => watched.permit(hold, 1_000),
      () => watched.settle(hold, {} as never),
      () => watched.abandon(hold, { giveStartBack: true }),
      () => watched.burialKey(),
      () => watched.lock("sweep", "worker-a", 1_000),
      () => watched.prune(0, 500),
    ];
    return { heard, calls };
  };

  test("a ledger that answers any call works", async () => {
    const { heard, calls } = used(async () => "the answer" as never);
    for (const call of calls) assert.equal(await call(), "the answer");
    assert.deepEqual(heard, Array(calls.length).fill("worked ledger"));
  });

  test("a ledger that does not answer a call fails, and the caller gets the error", async () => {
    const gone = new Fault("TQ_LEDGER", "ledger: connection refused");
    const { heard, calls } = used(async () => Promise.reject(gone));
    for (const call of calls) await assert.rejects(call(), gone);
    assert.deepEqual(heard, Array(calls.length).fill("failed ledger: ledger: connection refused"));
  });

  for (const code of ["TQ_LEDGER_ROW", "TQ_LEDGER_REFUSED"] as const) {
    test(`a ledger that answers ${code}, which concerns one row, has answered`, async () => {
      const fault = new Fault(code, "ledger: one row is at fault");
      const { heard, calls } = used(async () => Promise.reject(fault));
      for (const call of calls) await assert.rejects(call(), fault);
      assert.deepEqual(heard, Array(calls.length).fill("worked ledger"));
    });
  }
});

describe("the runner", () => {
  const run = async (script: Script, isWell = true) => {
    const { heard, watcher } = recorder();
    const runner = new FakeRunner();
    await runner.start();
    runner.scripts.set("load", script);
    runner.onNotice = async () => isWell;
    runner.onProbe = async () =>
      isWell ? null : { scope: "location", error: errorInfo("ModuleNotFoundError", "gone") };
    const watched = watchRunner(runner, watcher);
    const ending = await watched.execute(stepOrder("load"), granting(), never);
    return { heard, ending, watched, runner };
  };

  for (const [what, script, expected] of [
    ["succeeds", succeeds, ["worked instance host location", "worked instance host"]],
    ["fails by itself", fails, ["worked instance host location", "worked instance host"]],
    ["dies", crashes, []],
    ["may not run again", refusesRerun("WorkerLost"), []],
    ["cannot run here", faults("step"), []],
    ["was never started", faults("host"), ["failed host: cannot be run"]],
    ["has no code", faults("location"), []],
  ] as const) {
    test(`a step that ${what} reports to the circuit: ${expected[0] ?? "nothing"}`, async () =>
      assert.deepEqual((await run(script)).heard, expected));
  }

  test("a step that finds the instance away is believed once the host cannot write to the run's log either", async () => {
    const lost = "failed instance: the Dagster instance cannot be reached: CheckError: cannot be run";
    const { heard, runner } = await run(faults("instance"), false);
    assert.deepEqual([heard, runner.notices.length], [[lost], 1]);
    assert.deepEqual((await run(faults("instance"))).heard, ["worked instance host"]);
  });

  test("a step that finds the instance away while its worker stops is neither believed nor waited for", async () => {
    const { runner, watched, heard } = await run(faults("instance"));
    heard.length = 0;
    runner.onNotice = () => new Promise(() => undefined);
    const stopping = new AbortController();
    const ending = watched.execute(stepOrder("load", "run-1", 1), granting(), stopping.signal);
    stopping.abort();
    assert.deepEqual([(await ending).kind, heard], ["fault", []]);
  });

  test("watching a runner changes nothing about how a step ends", async () => {
    const { ending } = await run(faults("instance"));
    assert.equal(ending.kind === "fault" && ending.scope, "instance");
  });

  test("a step that stood in the log already shows that Dagster answers, not that code can be imported", async () => {
    const { heard, watched } = await run(succeeds);
    heard.length = 0;
    await watched.execute(stepOrder("load"), granting(), never);
    assert.deepEqual(heard, ["worked instance host"]);
  });

  test("three steps without their code in a row are an outage; a step that ran in between starts the count again", async () => {
    const noCode = faults("location");
    const { heard, watched } = await run(inTurn(noCode, noCode, succeeds, noCode), false);
    const execute = async (attempt: number): Promise<Ending> =>
      await watched.execute(stepOrder("load", "run-7", attempt), granting(), never);
    for (const attempt of [1, 2, 3, 4]) await execute(attempt);
    assert.deepEqual(
      heard.filter((line) => line.startsWith("failed")),
      [],
    );
    await execute(5);
    assert.deepEqual(heard.slice(-1), [
      "failed location: the code of the steps cannot be imported: CheckError: cannot be run (run-7)",
    ]);
  });

  test("a report that finds the instance away is an outage, as a step is", async () => {
    const { heard, watched, runner } = await run(crashes);
    runner.onReport = faults("instance");
    await watched.report(reportOrder(stepOrder("load").envelope), granting(), never);
    assert.deepEqual(heard, ["failed instance: the Dagster instance cannot be reached: CheckError: cannot be run"]);
  });
});
