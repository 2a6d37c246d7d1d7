// A worker that stops: what has not started does not start, what runs may finish, what is killed
// goes back at no cost.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aborted, blocks, crashes, faults, succeeds } from "../../support/ports/scripted-steps.ts";
import { message } from "../../support/sqs/messages.ts";
import { bench, writeBoundMs } from "./setup.ts";

describe("stopping", () => {
  test("a stop before the claim claims nothing and gives the message back at once", async (t) => {
    const { deliver, deeds, quiet } = bench(t);
    quiet.abort();
    assert.equal(await deliver(), "released");
    assert.deepEqual(deeds(), ["extend m1#1 0"]);
  });

  test("a stop during the claim starts nothing, and the claim costs no start", async (t) => {
    const { begin, finish, clock, deeds, ledger, quiet } = bench(t);
    ledger.before = async (method) => (method === "claim" ? await clock.sleep(1_000) : undefined);
    const running = begin();
    await clock.advance(500);
    quiet.abort();
    assert.equal(await finish(running), "released");
    assert.deepEqual(deeds(), [
      "claim run-1:load",
      "abandon run-1:load start given back",
      "extend m1#1 0",
      "notice run-1:load warning",
    ]);
    assert.equal((await ledger.find("run-1:load"))?.starts, 0);
  });

  test("a quiet stop lets a running step finish, and its lease goes on", async (t) => {
    const { begin, finish, clock, quiet, runner } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(300_000);
      return await succeeds(step);
    });
    const running = begin();
    await clock.advance(1_000);
    quiet.abort();
    assert.equal(await finish(running), "acked");
    assert.equal(clock.monoMs(), 300_000);
  });

  test("a stop that kills a running step abandons it at no cost, and its message is visible at once", async (t) => {
    const { begin, finish, clock, quiet, kill, runner, deeds, ledger, logged } = bench(t);
    runner.scripts.set("load", blocks);
    const running = begin();
    await clock.advance(1_000);
    quiet.abort();
    kill.abort();
    assert.equal(await finish(running), "released");
    assert.deepEqual(deeds().slice(-3), [
      "abandon run-1:load start given back",
      "extend m1#1 0",
      "notice run-1:load warning",
    ]);
    assert.equal((await ledger.find("run-1:load"))?.starts, 0);
    assert.deepEqual(logged.messages("step.requeued"), [
      "back to the queue at once: interrupted before it had an outcome",
    ]);
  });

  test("a stop that kills a permitted step makes the next claim wait for a write that may be under way", async (t) => {
    const { begin, finish, clock, kill, runner, ledger } = bench(t);
    runner.scripts.set("load", async (step) => {
      await step.ask();
      await aborted(step.signal);
      return { kind: "interrupted" };
    });
    const running = begin();
    await clock.advance(1_000);
    kill.abort();
    assert.equal(await finish(running), "released");
    const row = await ledger.find("run-1:load");
    assert.deepEqual([row?.state, (row?.leaseExpiresAtMs ?? 0) - clock.wallMs()], ["pending", writeBoundMs]);
  });

  test("a stop that kills a report leaves it to the next delivery", async (t) => {
    const { begin, finish, clock, kill, runner, queue, deeds } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    runner.onReport = blocks;
    const running = begin();
    await clock.advance(1_000);
    kill.abort();
    assert.equal(await finish(running), "released");
    assert.deepEqual([deeds().at(-3), deeds().at(-2), queue.buried], ["abandon run-1:load", "extend m1#1 0", []]);
  });
});

describe("nothing of the host can run", () => {
  for (const [scope, visibilityMs] of [
    ["host", 5_000],
    ["location", 5_000],
    ["instance", 5_000],
  ] as const) {
    test(`a step without its ${scope} spends no start, and its message comes back in ${visibilityMs / 1_000} s`, async (t) => {
      const { deliver, deeds, ledger, runner } = bench(t, { maxStarts: 1 });
      runner.scripts.set("load", faults(scope));
      for (const receiveCount of [1, 2, 3]) {
        assert.equal(await deliver(message("m1", { receiveCount })), "released");
        assert.deepEqual(deeds().at(-3), "abandon run-1:load start given back");
        assert.deepEqual(deeds().at(-2), `extend m1#${receiveCount} ${visibilityMs}`);
      }
      assert.equal((await ledger.find("run-1:load"))?.starts, 0);
    });
  }
});

describe("giving back", () => {
  test("a release waits for an extension under way, which would undo it", async (t) => {
    const { begin, finish, clock, runner, queue, journal } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(18_500);
      return await crashes(step);
    });
    queue.onExtend = async (extensions) => {
      if (extensions[0]?.visibilityMs === 60_000) await clock.sleep(5_000);
      journal.push(`extended ${extensions[0]?.visibilityMs}`);
      return extensions.map(() => "done");
    };
    assert.equal(await finish(begin()), "released");
    const extended = () => journal.filter((line) => line.startsWith("exten"));
    assert.deepEqual(extended().slice(-3), ["extended 60000", "extend m1#1 500", "extended 500"]);
    await clock.advance(600_000);
    assert.equal(extended().at(-1), "extended 500");
  });

  test("a release that fails is logged, and the message comes back when its visibility ends", async (t) => {
    const { begin, finish, quiet, queue, logged } = bench(t);
    quiet.abort();
    queue.onExtend = async () => ["failed"];
    assert.equal(await finish(begin()), "released");
    queue.onExtend = async () => Promise.reject(new Error("connect ETIMEDOUT"));
    assert.equal(await finish(begin()), "released");
    assert.deepEqual(logged.messages("delivery.release_failed"), [
      "could not release the message (failed); SQS shows it again when its visibility ends",
      "could not release the message (connect ETIMEDOUT); SQS shows it again when its visibility ends",
    ]);
    assert.deepEqual(logged.of("delivery.released"), []);
  });

  test("a released message backs off further with every start", async (t) => {
    const { deliver, runner, deeds } = bench(t, { maxStarts: 9 });
    runner.scripts.set("load", crashes);
    for (const receiveCount of [1, 2, 3, 4]) await deliver(message("m1", { receiveCount }));
    const releases = deeds().filter((line) => line.startsWith("extend"));
    assert.deepEqual(releases, ["extend m1#1 500", "extend m1#2 1000", "extend m1#3 2000", "extend m1#4 4000"]);
  });
});

describe("a notice in the run's log", () => {
  for (const [what, answer] of [
    ["that cannot be written", async () => false],
    ["that can", async () => true],
  ] as const) {
    test(`a notice in the run's log that ${what} changes nothing`, async (t) => {
      const { deliver, runner, queue } = bench(t, { maxStarts: 1 });
      runner.scripts.set("load", crashes);
      runner.onNotice = answer;
      assert.equal(await deliver(), "buried");
      assert.deepEqual(queue.acked, ["m1#1"]);
    });
  }
});
