// The worker as a whole: many steps through few slots, what it says of itself, and how it stops.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import { blocks, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });

describe("a worker", () => {
  test("a worker takes fifty steps through four slots, each once", async (t) => {
    const { clock, queue, runner, ledger, worker } = bench(t);
    const steps = Array.from({ length: 50 }, (_, i) => `step_${i}`);
    let most = 0;
    let running = 0;
    for (const step of steps) {
      runner.scripts.set(step, async (process) => {
        running += 1;
        most = Math.max(most, running);
        await clock.sleep(7_000);
        running -= 1;
        return await succeeds(process);
      });
    }
    queue.offer(...steps.map(about));
    await clock.advance(200_000);
    assert.equal(most, 4);
    assert.deepEqual([...queue.acked].sort(), steps.map((step) => `${step}#1`).sort());
    for (const step of steps) assert.deepEqual(runner.log(`run-1:${step}`), ["STEP_START", "STEP_SUCCESS"]);
    const rows = await ledger.list({ limit: 100 });
    assert.equal(rows.filter(({ state }) => state === "completed").length, 50);
    assert.deepEqual(worker.snapshot().ended, { acked: 50, buried: 0, released: 0, lost: 0 });
  });

  test("a worker's snapshot shows what runs; slots that wait for messages are not busy", async (t) => {
    const { clock, queue, runner, worker } = bench(t);
    await clock.advance(5_000);
    assert.deepEqual(worker.snapshot(), {
      busy: 0,
      slots: 4,
      stopping: false,
      quiet: null,
      underWay: 0,
      idle: false,
      received: 0,
      ended: { acked: 0, buried: 0, released: 0, lost: 0 },
      outcomes: noOutcomes(),
      closedBecause: null,
      broken: null,
      pollingSinceMs: 0,
      lastTurnAtMs: 0,
      queues: [{ name: "steps", busy: 0, received: 0, closedBecause: null }],
    });
    runner.scripts.set("load", blocks);
    queue.offer(about("load"));
    await clock.advance(1_000);
    const { busy, received, pollingSinceMs } = worker.snapshot();
    assert.deepEqual({ busy, received, pollingSinceMs }, { busy: 1, received: 1, pollingSinceMs: 5_000 });
  });

  test("a worker receives nothing while its host is away, and says why", async (t) => {
    const { clock, queue, runner, worker } = bench(t);
    runner.down = "the step host ended (signal SIGKILL)";
    await clock.advance(waitMs + 1_000);
    const polls = queue.received.length;
    await clock.advance(60_000);
    assert.equal(queue.received.length, polls);
    assert.equal(worker.snapshot().closedBecause, "the step host ended (signal SIGKILL)");
  });
});

describe("a bug in a loop", () => {
  test("a bug in the intake's loop lets running steps finish, is logged once, and stops the worker", async (t) => {
    const { clock, queue, runner, logged, isOver } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(30_000);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    await clock.advance(1_000);
    runner.unavailable = () => {
      throw new Error("no such state");
    };
    await clock.advance(waitMs);
    assert.match(logged.messages("worker.bug")[0] ?? "", /^bug in taskiq \(intake\), .*: Error: no such state\n +at /);
    assert.deepEqual([logged.messages("worker.bug").length, isOver()], [1, false]);
    await clock.advance(10_000);
    assert.deepEqual([queue.acked, isOver()], [["load#1"], true]);
  });
});

describe("stopping a worker", () => {
  test("an idle worker that is stopped ends with its poll", async (t) => {
    const { clock, worker, logged, isOver } = bench(t);
    await clock.advance(5_000);
    worker.stop(25_000);
    await clock.advance(waitMs - 5_000);
    assert.equal(isOver(), true);
    assert.deepEqual(logged.messages("worker.stopping"), ["stopping: 0 steps may finish within 25 s"]);
    assert.equal(worker.snapshot().stopping, true);
    assert.equal(clock.sleeping, 0);
  });

  test("an idle worker that is stopped ends with its grace when that is shorter than its poll", async (t) => {
    const { clock, worker, isOver } = bench(t);
    await clock.advance(5_000);
    worker.stop(1_000);
    await clock.advance(999);
    assert.equal(isOver(), false);
    await clock.advance(1);
    assert.equal(isOver(), true);
  });

  test("stopping a worker lets steps finish within the grace, with their leases alive", async (t) => {
    const { clock, queue, runner, worker, isOver, logged } = bench(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(100_000);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    await clock.advance(1_000);
    worker.stop(120_000);
    await clock.advance(98_999);
    assert.equal(isOver(), false);
    await clock.advance(1);
    assert.equal(isOver(), true);
    assert.deepEqual([queue.acked, clock.sleeping], [["load#1"], 0]);
    assert.deepEqual(logged.messages("worker.stopping"), ["stopping: 1 step may finish within 120 s"]);
  });

  test("stopping a worker kills the steps that are left after the grace, and gives their starts back", async (t) => {
    const { clock, queue, runner, worker, isOver, journal, ledger } = bench(t);
    runner.scripts.set("load", blocks);
    queue.offer(about("load"));
    await clock.advance(1_000);
    worker.stop(25_000);
    await clock.advance(24_999);
    assert.equal(isOver(), false);
    await clock.advance(1);
    assert.equal(isOver(), true);
    assert.deepEqual(journal.slice(-3), [
      "abandon run-1:load start given back",
      "extend load#1 0",
      "notice run-1:load warning",
    ]);
    assert.equal((await ledger.find("run-1:load"))?.starts, 0);
  });

  test("stopping a worker waits a little for the last engine events", async (t) => {
    const { clock, queue, runner, worker, isOver } = bench(t, { concurrency: 1 });
    runner.scripts.set("load", blocks);
    runner.onNotice = async () => {
      await clock.sleep(2_000);
      return true;
    };
    queue.offer(about("load"));
    await clock.advance(1_000);
    worker.stop(0);
    await clock.advance(1_999);
    assert.equal(isOver(), false);
    await clock.advance(1);
    assert.equal(isOver(), true);
  });

  test("a second stop with less grace ends the worker at once", async (t) => {
    const { clock, queue, runner, worker, isOver } = bench(t);
    runner.scripts.set("load", blocks);
    queue.offer(about("load"));
    await clock.advance(1_000);
    worker.stop(600_000);
    await clock.advance(30_000);
    assert.equal(isOver(), false);
    worker.stop(0);
    await clock.advance(0);
    assert.deepEqual([isOver(), clock.sleeping], [true, 0]);
  });

  test("a worker that is stopped before it runs ends", async (t) => {
    const { clock, worker, isOver } = bench(t);
    worker.stop(0);
    await clock.advance(waitMs);
    assert.equal(isOver(), true);
  });
});

test("a step may start in the slot of one that is recorded, whose message is still being deleted", async (t) => {
  const { clock, queue, runner, worker } = bench(t, { concurrency: 1 });
  const deleted = Promise.withResolvers<readonly ["done"]>();
  queue.onAck = () => deleted.promise;
  queue.offer(message("m1", { body: bodyFor("first") }), message("m2", { body: bodyFor("second") }));
  await clock.advance(1_000);
  assert.deepEqual(
    runner.orders.map(({ envelope }) => envelope.stepKey),
    ["first", "second"],
  );
  assert.deepEqual([worker.snapshot().busy, worker.snapshot().ended.acked], [0, 0]);
  deleted.resolve(["done"]);
  await clock.advance(0);
  assert.equal(worker.snapshot().ended.acked, 2);
});
