// A lease lost under a running step: the process is killed, and nothing is written, deleted or
// given back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import { blocks, crashes, succeeds } from "../../support/ports/scripted-steps.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench, leaseMs, writeBoundMs } from "./setup.ts";

describe("a lost lease", () => {
  test("a lost lease kills the step and writes nothing", async (t) => {
    const { deliver, deeds, ledger, runner, journal, clock } = bench(t);
    runner.scripts.set("load", blocks);
    ledger.down.add("renew");
    assert.equal(await deliver(), "lost");
    assert.equal(clock.monoMs(), 55_000);
    assert.deepEqual(
      deeds().filter((line) => !line.startsWith("renew")),
      ["claim run-1:load", "execute run-1:load", "event run-1:load STEP_START"],
    );
    journal.length = 0;
    await clock.advance(600_000);
    assert.deepEqual(journal, []);
  });

  test("a lost lease kills a report as well", async (t) => {
    const { deliver, deeds, ledger, runner } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    runner.onReport = blocks;
    ledger.down.add("renew");
    assert.equal(await deliver(), "lost");
    assert.equal(
      deeds().some((line) => /^(settle|bury|ack)/.test(line)),
      false,
    );
  });

  test("a lease lost before the step or its report started starts nothing, and the log says so once", async (t) => {
    const { begin, finish, clock, ledger, logged, runner, deeds } = bench(t, { maxStarts: 1 });
    // The claim's answer takes longer than the lease it grants.
    ledger.before = async (method) => (method === "claim" ? await clock.sleep(leaseMs) : undefined);
    assert.equal(await finish(begin()), "lost");
    assert.equal(await finish(begin(message("m1", { receiveCount: 2 }))), "lost");
    assert.deepEqual([runner.orders, runner.reports], [[], []]);
    assert.deepEqual(
      logged.of("lease.lost").map(({ receiveCount }) => receiveCount),
      [1, 2],
    );
    assert.equal(
      deeds().some((line) => /^(settle|bury|ack)/.test(line)),
      false,
    );
  });

  test("a lease found lost at the settlement leaves row and message to the new owner, and counts no outcome", async (t) => {
    const { begin, finish, clock, ledger, runner, queue, outcomes, claimAs } = bench(t);
    runner.scripts.set("load", async (step) => {
      const end = await succeeds(step);
      // Frozen for longer than the lease, the write bound included: another worker owns the row
      // when we wake.
      ledger.down.add("renew");
      await ledger.abandon({ key: "run-1:load", fence: 1 }, { giveStartBack: false });
      await clock.sleep(writeBoundMs);
      await claimAs("worker-b");
      return end;
    });
    assert.equal(await finish(begin()), "lost");
    assert.deepEqual(queue.acked, []);
    const row = await ledger.find("run-1:load");
    assert.deepEqual([row?.owner, row?.state], ["worker-b", "running"]);
    assert.deepEqual(outcomes, noOutcomes());
  });

  test("a refused permit writes nothing and deletes nothing", async (t) => {
    const { deliver, ledger, runner, queue, logged, claimAs, clock } = bench(t);
    runner.scripts.set("load", async (step) => {
      await ledger.abandon({ key: "run-1:load", fence: 1 }, { giveStartBack: false });
      await clock.sleep(0);
      await claimAs("worker-b");
      return await succeeds(step);
    });
    assert.equal(await deliver(), "lost");
    assert.deepEqual([runner.log("run-1:load"), queue.acked], [["STEP_START"], []]);
    assert.deepEqual(logged.messages("step.permit_refused"), [
      "lost the right to record the step's outcome, and recorded nothing",
    ]);
  });
});

describe("lost visibility alone", () => {
  test("a step whose visibility alone is lost ends and is recorded", async (t) => {
    const { begin, finish, clock, queue, runner, ledger } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(10 * leaseMs);
      return await succeeds(step);
    });
    queue.onExtend = async (extensions) => extensions.map(() => "gone");
    queue.onAck = async () => ["gone"];
    assert.equal(await finish(begin()), "acked");
    assert.equal((await ledger.find("run-1:load"))?.state, "completed");
  });

  test("the redelivery of a step whose visibility was lost waits, then finds it settled", async (t) => {
    const { begin, finish, clock, queue, runner } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(100_000);
      return await succeeds(step);
    });
    queue.onExtend = async (extensions) => extensions.map(({ receipt }) => (receipt === "m1#1" ? "gone" : "done"));
    const first = begin();
    await clock.advance(20_000);
    const second = begin(message("m1", { receiveCount: 2 }));
    assert.equal(await finish(second), "acked");
    assert.equal(await finish(first), "acked");
    assert.equal(runner.orders.length, 1);
  });
});
