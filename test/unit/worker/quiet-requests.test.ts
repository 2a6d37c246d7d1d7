// A worker that is asked through the ledger to be quiet: all of it or one queue, across restarts,
// and while the ledger is away.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { QuietAsk } from "../../../core/ledger/quiet-records.ts";
import { succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "./setup.ts";

const second = 1_000;
const about = (step: string) => message(step, { body: bodyFor(step) });
const ask = (changes: Partial<QuietAsk>): QuietAsk => ({
  worker: null,
  queue: null,
  who: "ada@laptop",
  why: "a deploy",
  forMs: null,
  ...changes,
});
/** Longer than the longest pause between two looks. */
const soon = 8 * second;

const quietly = { quietMs: 5 * second };

function two(t: TestContext) {
  const url = "https://sqs.eu-north-1.amazonaws.com/123456789012/bulk.fifo";
  const made = bench(t, quietly, { others: [{ name: url, weight: null, most: null }] });
  const [bulk] = made.others;
  assert.ok(bulk !== undefined);
  return { ...made, bulk };
}

describe("a request through the ledger", () => {
  test("a request makes a worker quiet within seconds, logs who asked and why, and is lifted as fast", async (t) => {
    const { clock, queue, ledger, worker, logged } = bench(t, quietly);
    await clock.advance(second);
    await ledger.quiet.ask(ask({ worker: "worker-a" }));
    await clock.advance(soon);
    assert.equal(worker.snapshot().quiet?.by, "ada@laptop");
    await clock.advance(waitMs);
    queue.offer(about("load"));
    await clock.advance(60 * second);
    assert.deepEqual(queue.acked, []);
    assert.match(worker.snapshot().closedBecause ?? "", /^quiet: ada@laptop asked for it at 2026-.*Z \(a deploy\)$/);
    const [said, ...more] = logged.of("worker.quiet");
    assert.deepEqual([said?.["by"], said?.["why"], said?.level, more], ["ada@laptop", "a deploy", "warn", []]);
    await ledger.quiet.lift(ask({ worker: "worker-a" }), "grace@desk");
    await clock.advance(soon);
    assert.deepEqual([queue.acked, worker.snapshot().closedBecause], [["load#1"], null]);
    assert.deepEqual(
      logged.of("worker.resumed").map(({ message }) => message),
      ["taking steps again: grace@desk asked for it"],
    );
  });

  test("a request is obeyed from the first receive on by a worker that starts later", async (t) => {
    const { queue, ledger, clock, worker } = bench(t, quietly);
    queue.offer(about("load"));
    await ledger.quiet.ask(ask({}));
    await clock.advance(60 * second);
    assert.deepEqual([queue.received.length, worker.snapshot().quiet?.by], [0, "ada@laptop"]);
  });

  test("a request that names one queue leaves the others alone, by the queue's name or URL", async (t) => {
    const { clock, queue, bulk, ledger, worker, logged } = two(t);
    await ledger.quiet.ask(ask({ queue: "bulk.fifo" }));
    queue.offer(about("load"));
    bulk.offer(about("archive"));
    await clock.advance(60 * second);
    assert.deepEqual([queue.acked, bulk.acked], [["load#1"], []]);
    const { quiet, closedBecause, queues } = worker.snapshot();
    assert.deepEqual([quiet, closedBecause, queues[0]?.closedBecause], [null, null, null]);
    assert.match(queues[1]?.closedBecause ?? "", /^quiet for the queue bulk\.fifo: ada@laptop asked/);
    await ledger.quiet.ask(ask({ queue: "steps", who: "grace@desk" }));
    await clock.advance(soon);
    assert.match(worker.snapshot().closedBecause ?? "", /steps: grace@desk .*; quiet for the queue bulk\.fifo: ada/);
    await ledger.quiet.lift(ask({ queue: "bulk.fifo" }), "ada@laptop");
    await clock.advance(soon);
    assert.deepEqual([bulk.acked, worker.snapshot().closedBecause], [["archive#1"], null]);
    assert.match(
      logged.of("worker.resumed")[0]?.message ?? "",
      /^taking steps again from bulk\.fifo: ada@laptop asked/,
    );
  });

  test("a request that names another worker or another queue changes nothing", async (t) => {
    const { clock, queue, ledger, logged } = bench(t, quietly);
    await ledger.quiet.ask(ask({ worker: "worker-b" }));
    await ledger.quiet.ask(ask({ worker: "worker-b", queue: "steps" }));
    await ledger.quiet.ask(ask({ queue: "other.fifo" }));
    queue.offer(about("load"));
    await clock.advance(60 * second);
    assert.deepEqual([queue.acked, logged.of("worker.quiet")], [["load#1"], []]);
  });

  test("a request that names a machine concerns its worker with any process id", async (t) => {
    const { clock, ledger, worker } = bench(t, { ...quietly, worker: "8e3c1f:17" });
    await ledger.quiet.ask(ask({ worker: "8e3c1f" }));
    await clock.advance(soon);
    assert.equal(worker.snapshot().quiet?.by, "ada@laptop");
  });

  test("a request ends by itself when its time is over", async (t) => {
    const { clock, queue, ledger, logged } = bench(t, quietly);
    await ledger.quiet.ask(ask({ forMs: 60 * second }));
    queue.offer(about("load"));
    await clock.advance(59 * second);
    assert.deepEqual(queue.acked, []);
    await clock.advance(soon + second);
    assert.deepEqual(queue.acked, ["load#1"]);
    assert.match(
      logged.of("worker.quiet")[0]?.message ?? "",
      /at 2026-.*Z, until 2026-.*Z \(a deploy\); 0 running steps may finish/,
    );
    assert.match(
      logged.of("worker.resumed")[0]?.message ?? "",
      /the time is over for which ada@laptop had asked for quiet$/,
    );
  });

  test("a request in the ledger stands when one on the worker's machine is undone, and the other way round", async (t) => {
    const { clock, ledger, worker, logged } = bench(t, quietly);
    worker.quiet("root@machine");
    await ledger.quiet.ask(ask({}));
    await clock.advance(soon);
    worker.resume("root@machine");
    assert.match(worker.snapshot().closedBecause ?? "", /^quiet: ada@laptop/);
    worker.quiet("root@machine");
    await ledger.quiet.lift(ask({}), "ada@laptop");
    await clock.advance(soon);
    assert.match(worker.snapshot().closedBecause ?? "", /^quiet: root@machine/);
    assert.deepEqual(logged.of("worker.resumed"), []);
  });

  test("a request drops task protection when every queue is quiet, and only then", async (t) => {
    const others = [{ name: "bulk.fifo", weight: null, most: null }];
    const { clock, queue, runner, ledger, agent } = bench(t, quietly, { protectMs: 3_600 * second, others });
    runner.scripts.set("load", async (step) => {
      await clock.sleep(120 * second);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    await ledger.quiet.ask(ask({ queue: "bulk.fifo" }));
    await clock.advance(30 * second);
    assert.notEqual(agent.minutes, null);
    await ledger.quiet.ask(ask({}));
    await clock.advance(20 * second);
    assert.equal(agent.minutes, null);
  });
});

describe("an outage of the ledger", () => {
  test("an outage of the ledger leaves a worker quiet or at work as it was, and is one line in the log", async (t) => {
    const { clock, queue, ledger, worker, logged } = bench(t, quietly);
    ledger.down.add("requests");
    await ledger.quiet.ask(ask({}));
    queue.offer(about("load"));
    await clock.advance(60 * second);
    assert.deepEqual([queue.acked, worker.snapshot().quiet], [["load#1"], null]);
    ledger.down.delete("requests");
    await clock.advance(soon);
    assert.equal(worker.snapshot().quiet?.by, "ada@laptop");
    ledger.down.add("requests");
    await ledger.quiet.lift(ask({}), "ada@laptop");
    await clock.advance(60 * second);
    assert.equal(worker.snapshot().quiet?.by, "ada@laptop");
    const lines = logged.of("quiet.unread").filter(({ level }) => level === "warn");
    assert.equal(lines.length, 2, "one for each outage");
    assert.equal(logged.of("outage.over").length, 1);
  });
});

describe("a quiet worker's report", () => {
  test("a quiet worker reports its running steps and when none runs, and takes the report back", async (t) => {
    const { clock, queue, runner, ledger } = bench(t, quietly);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(40 * second);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    await clock.advance(second);
    assert.deepEqual(await ledger.quiet.reports(), []);
    await ledger.quiet.ask(ask({}));
    await clock.advance(soon);
    const reported = async () => (await ledger.quiet.reports()).map(({ agoMs: _, ...rest }) => rest);
    const here = { worker: "worker-a", queue: "steps" };
    assert.deepEqual(await reported(), [{ ...here, busy: 1, idle: false }]);
    await clock.advance(50 * second);
    assert.deepEqual(await reported(), [{ ...here, busy: 0, idle: true }]);
    await ledger.quiet.lift(ask({}), "ada@laptop");
    await clock.advance(soon);
    assert.deepEqual(await reported(), []);
  });

  test("a report of a worker of two queues is about the queue that is quiet", async (t) => {
    const { clock, ledger } = two(t);
    await ledger.quiet.ask(ask({ queue: "bulk.fifo" }));
    await clock.advance(30 * second);
    assert.deepEqual(
      (await ledger.quiet.reports()).map(({ queue }) => queue),
      ["bulk.fifo"],
    );
  });
});
