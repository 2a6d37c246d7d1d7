// The runner gets the limits of a step. A step that is ended for them costs one of taskiq's starts,
// and never one of Dagster's attempts.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultLimits } from "../../../core/delivery/limits.ts";
import { expires, inTurn, overLimit, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, leaseMs } from "./setup.ts";

describe("a step's order", () => {
  test("a step's order has the worker's limits as its own tags change them", async (t) => {
    const { runner, deliver } = bench(t, { limits: { ...defaultLimits, processes: 9 } });
    await deliver(message("m1", { body: bodyFor("load", { tags: { "taskiq/timeout": "15m" } }) }));
    assert.deepEqual(runner.orders[0]?.limits, { ...defaultLimits, processes: 9, timeoutMs: 900_000 });
  });

  test("a step's order has the lease's end, which every renewal puts off", async (t) => {
    const { runner, begin, finish, clock } = bench(t);
    const left: (number | undefined)[] = [];
    runner.scripts.set("load", async (step) => {
      const term = runner.orders[0]?.term;
      left.push(term?.leftMs());
      const unwatch = term?.onRenewed(() => left.push(term.leftMs()));
      await clock.sleep(leaseMs);
      unwatch?.();
      return await succeeds(step);
    });
    assert.equal(await finish(begin()), "acked");
    // The first of them with the claim, the others every quarter of a lease, less chance.
    assert.deepEqual(left, [55_000, 55_000, 55_000, 55_000, 55_000]);
    assert.equal(runner.orders[0]?.term.leftMs(), 0, "nothing may live under a claim that is over");
  });
});

describe("a step that was ended for a limit", () => {
  for (const [limit, reason, errorClass] of [
    ["timed_out", "timed_out", "StepTimedOut"],
    ["silent", "timed_out", "StepSilent"],
    ["output", "over_limit", "StepOutputTooLong"],
    ["processes", "over_limit", "StepTooManyProcesses"],
  ] as const) {
    test(`a step ended for ${limit} runs again while it has starts, then is reported as ${reason} and buried`, async (t) => {
      const { runner, deliver, queue, ledger } = bench(t, { maxStarts: 2 });
      runner.scripts.set("load", overLimit(limit, errorClass));
      assert.equal(await deliver(), "released");
      assert.deepEqual([(await ledger.find("run-1:load"))?.state, runner.reports.length], ["pending", 0]);
      assert.equal(await deliver(message("m1", { receiveCount: 2 })), "buried");
      assert.deepEqual(
        runner.log("run-1:load").filter((event) => event !== "STEP_START"),
        ["STEP_FAILURE"],
      );
      assert.deepEqual(
        [runner.reports[0]?.reason, runner.reports[0]?.message],
        [reason, `${errorClass}: the step was ended`],
      );
      assert.deepEqual([queue.buried[0]?.reason.reason, queue.buried[0]?.reason.errorClass], [reason, errorClass]);
    });
  }

  test("a step that was ended for a limit uses the retry that its policy still has", async (t) => {
    const { runner, deliver } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", overLimit("timed_out", "StepTimedOut"));
    await deliver(message("m1", { body: bodyFor("load", { on_fault: { retry_in: 30 } }) }));
    assert.equal(runner.log("run-1:load").at(-1), "STEP_UP_FOR_RETRY");
  });

  test("a step that was ended for a limit may succeed at its next start", async (t) => {
    const { runner, deliver, queue } = bench(t);
    runner.scripts.set("load", inTurn(overLimit("silent", "StepSilent"), succeeds));
    assert.equal(await deliver(), "released");
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
    assert.deepEqual(queue.buried, []);
  });
});

test("a step that died with its term leaves everything to the worker that takes it over", async (t) => {
  const { runner, deliver, deeds, logged, queue } = bench(t, { maxStarts: 1 });
  runner.scripts.set("load", expires);
  assert.equal(await deliver(), "lost");
  assert.deepEqual(deeds(), ["claim run-1:load", "execute run-1:load", "event run-1:load STEP_START"]);
  assert.deepEqual([queue.acked, queue.buried], [[], []]);
  assert.deepEqual(logged.messages("lease.lost"), [
    "lease lost: this worker stood still for too long; it has killed the step's process",
  ]);
});
