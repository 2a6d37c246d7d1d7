// A worker that an operator made quiet: it starts nothing new, keeps what it has, and takes steps
// again when the operator asks.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const by = "ada@laptop";

describe("a quiet worker", () => {
  test("a quiet worker lets its steps finish, gives back what its poll fetches, and receives nothing more", async (t) => {
    const { clock, queue, runner, worker, logged } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(300_000);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    await clock.advance(5_000);
    worker.quiet(by);
    queue.offer(about("clean"));
    await clock.advance(0);
    assert.deepEqual(queue.extended.at(-1)?.extensions, [{ receipt: "clean#1", visibilityMs: 0 }]);
    const polls = queue.received.length;
    queue.offer(about("plot"));
    await clock.advance(200_000);
    assert.equal(queue.received.length, polls);
    const before = worker.snapshot();
    assert.deepEqual([before.busy, before.idle, before.quiet?.by], [1, false, by]);
    assert.match(before.closedBecause ?? "", /^quiet: ada@laptop asked for it at 2026-/);
    assert.equal(before.lastTurnAtMs, clock.monoMs(), "its loop turns: it is alive");
    await clock.advance(100_000);
    assert.deepEqual(queue.acked, ["load#1"]);
    assert.deepEqual([worker.snapshot().busy, worker.snapshot().idle], [0, true]);
    assert.deepEqual([logged.of("worker.quiet").length, logged.of("intake.closed").length], [1, 0]);
  });

  test("a quiet worker is idle only when its poll has ended, too", async (t) => {
    const { clock, worker } = bench(t);
    await clock.advance(5_000);
    worker.quiet(by);
    await clock.advance(waitMs - 6_000);
    assert.equal(worker.snapshot().idle, false);
    await clock.advance(1_000);
    assert.equal(worker.snapshot().idle, true);
  });

  test("a quiet worker takes steps again when an operator asks", async (t) => {
    const { clock, queue, worker, logged } = bench(t);
    worker.quiet(by);
    worker.quiet("another");
    queue.offer(about("load"));
    await clock.advance(60_000);
    assert.deepEqual([queue.acked, worker.snapshot().quiet?.by], [[], by]);
    worker.resume(by);
    await clock.advance(1_000);
    assert.deepEqual([queue.acked, worker.snapshot().quiet, worker.snapshot().closedBecause], [["load#1"], null, null]);
    assert.deepEqual([logged.of("worker.quiet").length, logged.of("worker.resumed").length], [1, 1]);
  });

  test("a quiet worker gives back a message that waits for another worker's step", async (t) => {
    const { clock, queue, runner, ledger, worker } = bench(t);
    const { id } = about("load");
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    const times = { leaseMs: 600_000, receivedAtMs: clock.wallMs() };
    await ledger.claim({ key: "run-1:load", step, owner: "other", messageId: id, payloadDigest: "", ...times });
    queue.offer(about("load"));
    await clock.advance(1_000);
    worker.quiet(by);
    await clock.advance(waitMs);
    assert.deepEqual([worker.snapshot().idle, worker.snapshot().ended.released], [true, 1]);
    assert.deepEqual(runner.log("run-1:load"), []);
  });

  test("a quiet worker does not sweep", async (t) => {
    const { clock, queue, worker } = bench(t, { sweepMs: 10_000 });
    let opened = 0;
    queue.deadLetters = async () => {
      opened += 1;
      return null;
    };
    worker.quiet(by);
    await clock.advance(100_000);
    assert.equal(opened, 0);
    worker.resume(by);
    await clock.advance(10_000);
    assert.equal(opened, 1);
  });

  test("a quiet worker stops as any other, and is not woken by a late resume", async (t) => {
    const { clock, queue, worker, isOver } = bench(t);
    await clock.advance(1_000);
    worker.quiet(by);
    worker.stop(25_000);
    worker.resume(by);
    queue.offer(about("load"));
    await clock.advance(0);
    assert.deepEqual([isOver(), queue.acked, worker.snapshot().ended.released], [true, [], 1]);
  });
});
