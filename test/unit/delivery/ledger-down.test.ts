// A ledger that cannot be reached, at each moment in which it is asked.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aborted, crashes, succeeds } from "../../support/ports/scripted-steps.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

describe("the ledger cannot be reached", () => {
  test("nothing runs while the ledger cannot claim, and the message comes back soon", async (t) => {
    const { deliver, deeds, ledger, logged } = bench(t);
    ledger.down.add("claim");
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds(), ["claim run-1:load (unreachable)", "extend m1#1 5000"]);
    assert.deepEqual(logged.messages("ledger.unreachable"), ["ledger, claim: ledger under test: connection refused"]);
  });

  test("a permit is asked for until the ledger answers, and the time it took is added to the deadline", async (t) => {
    const { clock, begin, finish, ledger, runner } = bench(t);
    ledger.down.add("permit");
    let withinMs = 0;
    runner.scripts.set("load", async (step) => {
      const permit = await step.ask();
      if (permit.granted) withinMs = permit.withinMs;
      return await succeeds({ ...step, ask: async () => permit });
    });
    const running = begin();
    await clock.advance(10_250);
    ledger.down.clear();
    assert.equal(await finish(running), "acked");
    assert.equal(withinMs, 10_500 + 30_000);
  });

  test("a permit is refused when the lease ends before the ledger answers, and nothing is written or deleted", async (t) => {
    const { clock, deliver, ledger, runner, queue } = bench(t);
    ledger.down.add("permit").add("renew");
    assert.equal(await deliver(), "lost");
    assert.equal(clock.monoMs(), 55_000);
    assert.deepEqual([runner.log("run-1:load"), queue.acked], [["STEP_START"], []]);
    assert.equal((await ledger.find("run-1:load"))?.state, "running");
  });

  test("a permit is no longer asked for when the process dies", async (t) => {
    const { clock, begin, finish, ledger, runner, journal } = bench(t);
    ledger.down.add("permit");
    runner.scripts.set("load", async (step) => {
      void step.ask();
      return await crashes(step);
    });
    assert.equal(await finish(begin()), "released");
    journal.length = 0;
    ledger.down.clear();
    await clock.advance(600_000);
    assert.deepEqual(journal, []);
    assert.equal((await ledger.find("run-1:load"))?.state, "pending");
  });

  test("a step that waits for its permit is killed, abandoned and released when the worker stops", async (t) => {
    const { clock, begin, finish, ledger, runner, journal, kill } = bench(t);
    ledger.down.add("permit");
    runner.scripts.set("load", async (step) => {
      void step.ask();
      await aborted(step.signal);
      return { kind: "interrupted" };
    });
    const running = begin();
    await clock.advance(2_000);
    ledger.down.add("all");
    kill.abort();
    assert.equal(await finish(running), "released");
    journal.length = 0;
    ledger.down.clear();
    await clock.advance(600_000);
    assert.deepEqual(journal, []);
  });

  test("an outcome is settled again while the lease lasts, and the message deleted only when it is recorded", async (t) => {
    const { clock, begin, finish, deeds, ledger } = bench(t);
    ledger.down.add("settle");
    const running = begin();
    await clock.advance(40_100);
    assert.equal(deeds().at(-1), "settle run-1:load success (unreachable)");
    ledger.down.clear();
    assert.equal(await finish(running), "acked");
    assert.deepEqual(deeds().slice(-2), ["settle run-1:load success", "ack m1#1"]);
  });

  test("an outcome not settled before the lease ends is settled from the log by the redelivery", async (t) => {
    const { clock, deliver, ledger, runner, queue } = bench(t);
    ledger.down.add("settle").add("renew");
    assert.equal(await deliver(), "released");
    assert.equal(clock.monoMs(), 55_000);
    assert.deepEqual(queue.acked, []);
    ledger.down.clear();
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "acked");
    assert.deepEqual(runner.log("run-1:load"), ["STEP_START", "STEP_SUCCESS"]);
    assert.equal((await ledger.find("run-1:load"))?.state, "completed");
  });

  test("a step is released though the ledger cannot abandon it, and its lease ends by itself", async (t) => {
    const { deliver, ledger, runner, deeds } = bench(t);
    ledger.down.add("abandon");
    runner.scripts.set("load", crashes);
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds().slice(-3), [
      "abandon run-1:load (unreachable)",
      "extend m1#1 500",
      "notice run-1:load warning",
    ]);
  });

  test("a report without an answer to its permit writes nothing", async (t) => {
    const { deliver, ledger, runner } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    ledger.down.add("permit").add("renew");
    assert.equal(await deliver(), "lost");
    assert.deepEqual(runner.log("run-1:load"), ["STEP_START"]);
  });
});
