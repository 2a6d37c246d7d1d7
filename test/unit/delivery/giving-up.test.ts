// When the machinery gives a step up: its end is reported, settled as dead, copied to the dead
// letter queue, and only then deleted.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import { crashes, diesAfterWriting, refusesRerun, result } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { type Bench, bench, leaseMs } from "./setup.ts";

const reported = [
  "permit run-1:load",
  "event run-1:load STEP_FAILURE",
  "settle run-1:load reported",
  "bury m1 step_fault",
  "notice run-1:load error",
  "ack m1#3",
];

async function crashTwice({ runner, deliver }: Bench, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
  runner.scripts.set("load", crashes);
  for (const receiveCount of [1, 2]) {
    assert.equal(await deliver(message("m1", { receiveCount, body: bodyFor("load", fields) })), "released");
  }
}

describe("a step whose process dies", () => {
  test("a step whose process dies goes back to the queue, abandoned, with a notice in the run's log", async (t) => {
    const { runner, deliver, deeds, ledger } = bench(t);
    runner.scripts.set("load", crashes);
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds().slice(3), ["abandon run-1:load", "extend m1#1 500", "notice run-1:load warning"]);
    const row = await ledger.find("run-1:load");
    assert.deepEqual([row?.state, row?.starts], ["pending", 1]);
  });

  test("a step whose process dies is reported at the third start, and buried after it is settled", async (t) => {
    const made = bench(t);
    await crashTwice(made);
    made.journal.length = 0;
    assert.equal(await made.deliver(message("m1", { receiveCount: 3 })), "buried");
    assert.deepEqual(made.deeds().slice(3), ["report run-1:load step_fault", ...reported]);
    assert.equal((await made.ledger.find("run-1:load"))?.state, "dead");
    assert.deepEqual(made.queue.buried[0]?.reason, {
      reason: "step_fault",
      detail: "StepProcessDied: the step process was killed by SIGSEGV",
      errorClass: "StepProcessDied",
      fingerprint: made.queue.buried[0]?.reason.fingerprint,
      starts: 3,
      worker: "worker-a",
    });
    assert.match(made.queue.buried[0]?.reason.fingerprint ?? "", /^[0-9a-f]{12}$/);
  });

  test("a report whose row was settled with its event is buried and acked, without a permit or another write", async (t) => {
    const made = bench(t, {}, { ledgerSchema: "taskiq" });
    await crashTwice(made);
    made.journal.length = 0;
    made.runner.onReport = async ({ write }) => {
      write("STEP_FAILURE");
      await made.ledger.settle({ key: "run-1:load", fence: 3 }, result("reported"));
      return { kind: "ended", result: result("reported"), wrote: true, settled: true };
    };
    assert.equal(await made.deliver(message("m1", { receiveCount: 3 })), "buried");
    assert.deepEqual(made.runner.reports[0]?.ledger, { schema: "taskiq", fence: 3 });
    const written = reported.filter((deed) => !deed.startsWith("permit"));
    assert.deepEqual(made.deeds().slice(3), ["report run-1:load step_fault", ...written]);
    assert.deepEqual(made.outcomes, { ...noOutcomes(), reported: 1 });
  });

  test("a step whose process dies at its last start is reported with the retry that its policy still has", async (t) => {
    const made = bench(t);
    const body = bodyFor("load", { on_fault: { retry_in: 30 } });
    await crashTwice(made, { on_fault: { retry_in: 30 } });
    assert.equal(await made.deliver(message("m1", { receiveCount: 3, body })), "buried");
    assert.equal(made.runner.reports[0]?.retryIn, 30);
    assert.equal(made.runner.log("run-1:load").at(-1), "STEP_UP_FOR_RETRY");
  });

  test("a step whose process dies at its last start is left open when its tag says park", async (t) => {
    const made = bench(t);
    const tags = { "taskiq/on_exhausted": "park", "taskiq/max_starts": "1" };
    made.runner.scripts.set("load", crashes);
    assert.equal(await made.deliver(message("m1", { body: bodyFor("load", { tags }) })), "buried");
    assert.deepEqual(made.runner.log("run-1:load"), ["STEP_START"]);
    assert.equal((await made.ledger.find("run-1:load"))?.outcome?.state, "parked");
  });

  test("a step whose process dies after it wrote its event ends with that event", async (t) => {
    const { clock, runner, deliver, queue, ledger } = bench(t);
    runner.scripts.set("load", diesAfterWriting);
    assert.equal(await deliver(), "released");
    await clock.advance(5_000);
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
    assert.deepEqual(runner.log("run-1:load"), ["STEP_START", "STEP_SUCCESS"]);
    assert.deepEqual([queue.buried, (await ledger.find("run-1:load"))?.state], [[], "completed"]);
  });

  test("a step that died with its permit spent is never reported under the same claim, even at its last start", async (t) => {
    const { runner, deliver, deeds } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", diesAfterWriting);
    assert.equal(await deliver(), "released");
    assert.equal(deeds().includes("report run-1:load step_fault"), false);
    assert.ok(deeds().includes("abandon run-1:load"));
  });
});

describe("a claim beyond the budget", () => {
  test("a claim beyond the start budget is reported as a crash loop, without running the step", async (t) => {
    const { clock, runner, deliver, deeds, claimAs } = bench(t, { maxStarts: 1 });
    await claimAs("worker-b");
    await clock.advance(leaseMs);
    assert.equal(await deliver(), "buried");
    assert.deepEqual(
      deeds().filter((line) => /^(execute|report|bury)/.test(line)),
      ["report run-1:load crash_loop", "bury m1 crash_loop"],
    );
    assert.equal(runner.reports[0]?.message, "started 1 times without an outcome; the budget is 1");
    assert.equal(runner.reports[0]?.delivery.takenOverFrom, "worker-b");
  });
});

describe("a rerun that would be wrong", () => {
  for (const [errorClass, reason] of [
    ["DynamicOutputsRecorded", "dynamic_outputs_recorded"],
    ["WorkerLost", "worker_lost"],
  ] as const) {
    test(`a rerun refused with ${errorClass} is reported instead`, async (t) => {
      const { runner, deliver, queue } = bench(t);
      runner.scripts.set("load", refusesRerun(errorClass));
      assert.equal(await deliver(), "buried");
      assert.deepEqual([runner.reports[0]?.reason, queue.buried[0]?.reason.reason], [reason, reason]);
    });
  }
});

describe("a report", () => {
  test("a report that finds the attempt over records its end, and buries nothing", async (t) => {
    const { runner, deliver, queue, ledger } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    runner.onReport = async () => ({ kind: "ended", result: result("success"), wrote: false });
    assert.equal(await deliver(), "acked");
    assert.deepEqual([queue.buried, (await ledger.find("run-1:load"))?.state], [[], "completed"]);
  });

  test("a report whose process dies is tried again by the next delivery", async (t) => {
    const { runner, deliver, deeds, queue } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    runner.onReport = crashes;
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds().slice(-3), ["abandon run-1:load", "extend m1#1 500", "notice run-1:load warning"]);
    runner.onReport = null;
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "buried");
    assert.equal(queue.buried.length, 1);
  });
});

describe("a dead letter", () => {
  test("a message that cannot be buried stays in the queue, and is buried at the next delivery", async (t) => {
    const { runner, deliver, queue, deeds, logged } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    queue.onBury = async () => Promise.reject(new Error("access denied"));
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds().slice(-2), ["bury m1 step_fault", "extend m1#1 5000"]);
    assert.deepEqual(logged.messages("dead_letter.failed"), ["could not copy to the dead letter queue: access denied"]);
    queue.onBury = async () => undefined;
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "buried");
    assert.deepEqual(deeds().slice(-4), [
      "claim run-1:load",
      "bury m1 settled_dead",
      "notice run-1:load error",
      "ack m1#2",
    ]);
    assert.equal(runner.reports.length, 1);
  });
});
