// The order of a delivery: permit, event, ledger, delete. No step runs twice.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import type { Permit } from "../../../core/runner/port.ts";
import {
  cannotInitialize,
  fails,
  result,
  runIsOver,
  type Script,
  type ScriptedStep,
  succeeds,
  wantsRetry,
} from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, leaseMs } from "./setup.ts";

const ends: readonly (readonly [string, Script, string, string, string])[] = [
  ["a success", succeeds, "STEP_SUCCESS", "success", "completed"],
  ["an op's failure", fails, "STEP_FAILURE", "failure", "failed"],
  ["a retry that the op asks for", wantsRetry, "STEP_UP_FOR_RETRY", "up_for_retry", "failed"],
  ["a resource that cannot be built", cannotInitialize, "RESOURCE_INIT_FAILURE", "resource_init_failure", "failed"],
];

describe("a step that ended", () => {
  const saying: readonly (readonly [Script, level: string, message: string, errorClass: string | undefined])[] = [
    [succeeds, "info", "ended: success", undefined],
    [fails, "warn", "ended: failure: ValueError: no rain on 31 February", "ValueError"],
    [wantsRetry, "warn", "ended: up_for_retry: TimeoutError: no answer", "TimeoutError"],
    [cannotInitialize, "warn", "ended: resource_init_failure: OSError: no such bucket", "OSError"],
  ];
  for (const [script, level, said, errorClass] of saying) {
    test(`the end of a step is logged at level ${level}: ${said}`, async (t) => {
      const { runner, deliver, logged } = bench(t);
      runner.scripts.set("load", async (step) => ({ ...(await script(step)), job: "nightly" }));
      await deliver();
      const [ended] = logged.of("step.ended");
      assert.deepEqual([ended?.level, ended?.message, ended?.["errorClass"]], [level, said, errorClass]);
      const names = [ended?.["runId"], ended?.["stepKey"], ended?.["attempt"], ended?.["job"]];
      assert.deepEqual(names, ["run-1", "load", 0, "nightly"]);
      assert.ok([ended?.["queuedMs"], ended?.["ranMs"]].every(Number.isFinite));
    });
  }

  test("the log lines of a step name its message's job, until its process names the run's", async (t) => {
    const { runner, deliver, logged } = bench(t);
    const jobs = () => ["step.claimed", "step.ended"].map((event) => logged.of(event)[0]?.["job"]);
    runner.scripts.set("load", async (step) => ({ ...(await succeeds(step)), job: "nightly" }));
    await deliver(message("m1", { body: bodyFor("load", { job: "forged" }) }));
    assert.deepEqual(jobs(), ["forged", "nightly"]);
  });

  for (const [what, script, event, state, rowState] of ends) {
    test(`a step that ends in ${what} gets a permit, an event, a row and a delete, in this order, and is counted`, async (t) => {
      const { runner, deliver, deeds, ledger, outcomes } = bench(t);
      runner.scripts.set("load", script);
      assert.equal(await deliver(), "acked");
      assert.deepEqual(deeds(), [
        "claim run-1:load",
        "execute run-1:load",
        "event run-1:load STEP_START",
        "permit run-1:load",
        `event run-1:load ${event}`,
        `settle run-1:load ${state}`,
        "ack m1#1",
      ]);
      const row = await ledger.find("run-1:load");
      assert.deepEqual([row?.state, row?.outcome?.state, row?.fence, row?.starts], [rowState, state, 1, 1]);
      assert.deepEqual(outcomes, { ...noOutcomes(), [state]: 1 });
    });
  }

  test("a step whose row was settled with its event is acked, without a permit or another write", async (t) => {
    const { clock, runner, begin, finish, deeds, ledger, outcomes, logged } = bench(t, {}, { ledgerSchema: "taskiq" });
    runner.scripts.set("load", async ({ write }) => {
      write("STEP_SUCCESS");
      await ledger.settle({ key: "run-1:load", fence: 1 }, result("success"));
      // Its hooks take longer than a lease, which is renewed all the same.
      await clock.sleep(2 * leaseMs);
      return { kind: "ended", result: result("success"), wrote: true, settled: true };
    });
    assert.equal(await finish(begin()), "acked");
    assert.deepEqual(runner.orders[0]?.ledger, { schema: "taskiq", fence: 1 });
    const written = deeds().filter((line) => !line.startsWith("renew"));
    assert.deepEqual(written.slice(3), ["event run-1:load STEP_SUCCESS", "settle run-1:load success", "ack m1#1"]);
    assert.deepEqual(outcomes, { ...noOutcomes(), success: 1 });
    assert.deepEqual(logged.of("lease.lost"), []);
  });

  test("a step whose ledger is elsewhere is ordered without its claim", async (t) => {
    const { runner, deliver } = bench(t);
    await deliver();
    assert.equal(runner.orders[0] !== undefined && "ledger" in runner.orders[0], false);
  });

  test("a step of a run that is over is settled, without a permit or an event", async (t) => {
    const { runner, deliver, deeds } = bench(t);
    runner.scripts.set("load", runIsOver);
    assert.equal(await deliver(), "acked");
    assert.deepEqual(deeds().slice(3), ["settle run-1:load run_over", "ack m1#1"]);
  });

  test("a step's process gets the facts of the delivery, and the envelope as it came", async (t) => {
    const { runner, deliver } = bench(t);
    await deliver(message("m1", { receiveCount: 3, body: bodyFor("load", { tags: { "taskiq/group": "oslo" } }) }));
    const [order] = runner.orders;
    assert.deepEqual(order?.delivery, {
      worker: "worker-a",
      messageId: "m1",
      receiveCount: 3,
      starts: 1,
      takenOverFrom: null,
    });
    assert.deepEqual(order?.envelope.tags, { "taskiq/group": "oslo" });
  });

  test("a permit ends halfway through the lease that it renewed", async (t) => {
    const { clock, runner, finish, begin } = bench(t);
    const permits: Permit[] = [];
    const ask = async (step: ScriptedStep) => {
      const permit = await step.ask();
      permits.push(permit);
      return permit;
    };
    runner.scripts.set("load", async (step) => {
      await clock.sleep(7_000);
      return await succeeds({ ...step, ask: () => ask(step) });
    });
    await finish(begin());
    assert.deepEqual(permits, [{ granted: true, withinMs: 30_000 }]);
  });
});

describe("a redelivery", () => {
  test("the redelivery of a settled step is deleted without running it", async (t) => {
    const { deliver, deeds, journal } = bench(t);
    await deliver();
    journal.length = 0;
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
    assert.deepEqual(deeds(), ["claim run-1:load", "ack m1#2"]);
  });

  test("a redelivery under another message id is the same step", async (t) => {
    const { deliver, runner } = bench(t);
    await deliver(message("m1"));
    assert.equal(await deliver(message("m2")), "acked");
    assert.equal(runner.orders.length, 1);
  });

  test("a message of another attempt is another step", async (t) => {
    const { deliver, runner } = bench(t);
    await deliver(message("m1"));
    await deliver(message("m2", { body: bodyFor("load", { retry_count: 1 }) }));
    assert.deepEqual(
      runner.orders.map(({ envelope }) => envelope.attempt),
      [0, 1],
    );
  });

  test("the redelivery after a failed delete ends in one more delete and no second run", async (t) => {
    const { deliver, queue, runner, logged } = bench(t);
    queue.onAck = async () => ["failed"];
    assert.equal(await deliver(), "acked");
    assert.deepEqual(logged.messages("delivery.ack_failed"), [
      "could not delete the message (failed); its redelivery finds the outcome recorded",
    ]);
    queue.onAck = async () => ["done"];
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
    assert.deepEqual([queue.acked, runner.orders.length], [["m1#2"], 1]);
  });
});
