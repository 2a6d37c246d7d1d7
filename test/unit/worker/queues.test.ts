// Several queues in one worker: who comes first, what each may have, and that none of them is in
// another's way.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { payloadDigest } from "../../../core/delivery/digest.ts";
import { Fault } from "../../../core/faults.ts";
import type { WorkerSettings } from "../../../core/worker/worker.ts";
import { claimed, request } from "../../contract/ledger-setup.ts";
import type { FakeQueue } from "../../support/ports/fake-queue.ts";
import { blocks, type Script, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, envelope, fifoMessage, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
const second = 1_000;

interface Others {
  readonly settings?: Partial<WorkerSettings>;
  readonly weight?: number | null;
  readonly most?: number | null;
}

/** `steps` comes first, and `low` is behind it. */
function two(t: TestContext, { settings = {}, weight = null, most = null }: Others = {}) {
  const { queue: high, others, ...rest } = bench(t, settings, { others: [{ name: "low", weight, most }] });
  const [low] = others;
  if (low === undefined) throw new Error("there are two queues");
  return { ...rest, high, low };
}

const stepsOf = (queue: FakeQueue) => queue.acked.map((receipt) => receipt.replace("#1", ""));

test("a stop cuts the poll of a FIFO queue, and lets that of a standard queue finish", async (t) => {
  const {
    queue: standard,
    others,
    clock,
    worker,
    isOver,
  } = bench(t, {}, { others: ["a.fifo", "b.fifo"].map((name) => ({ name, weight: null, most: null })) });
  await clock.advance(5 * second);
  worker.stop(60 * second);
  await clock.advance(0);
  const isCut = ({ received }: FakeQueue) => received.at(-1)?.options.cut?.aborted;
  assert.deepEqual([standard, ...others].map(isCut), [false, true, true]);
  await clock.advance(14 * second);
  assert.equal(isOver(), false);
  await clock.advance(1 * second);
  assert.equal(isOver(), true);
});

describe("strict priority", () => {
  test("strict priority gives the first queue each slot that frees, and the second the slots that are left", async (t) => {
    const { clock, high, low, runner } = two(t, { settings: { concurrency: 2 } });
    const order: string[] = [];
    const lasting: Script = async (step) => {
      await clock.sleep(2 * second);
      return await succeeds(step);
    };
    for (const step of [...names("h", 6), ...names("l", 6)]) {
      runner.scripts.set(step, async (scripted) => {
        order.push(step);
        return await lasting(scripted);
      });
    }
    low.offer(...names("l", 6).map(about));
    // The long poll of the first one keeps a slot until it ends; the second has the other, then
    // both.
    await clock.advance(1 * second);
    high.offer(...names("h", 6).map(about));
    await clock.advance(60 * second);
    const firstHigh = order.indexOf("h1");
    const lastHigh = order.indexOf("h6");
    assert.deepEqual([...order].sort(), [...names("h", 6), ...names("l", 6)]);
    assert.equal(order.slice(firstHigh, lastHigh).filter((step) => step.startsWith("l")).length, 0, order.join(" "));
  });

  test("strict priority gives the first queue the next slot that frees while the second has all slots", async (t) => {
    const { clock, high, low, runner, worker } = two(t, { settings: { concurrency: 2 } });
    const ends = new Map<string, () => void>();
    for (const step of [...names("l", 9), "urgent"]) {
      runner.scripts.set(step, async (scripted) => {
        await new Promise<void>((resolve) => ends.set(step, resolve));
        return await succeeds(scripted);
      });
    }
    low.offer(...names("l", 9).map(about));
    await clock.advance(25 * second);
    assert.equal(worker.snapshot().busy, 2);
    high.offer(about("urgent"));
    await clock.advance(10 * second);
    assert.deepEqual([[...ends.keys()], low.received.length <= 3], [["l1", "l2"], true], "nothing was fetched ahead");
    ends.get("l1")?.();
    await clock.advance(1);
    assert.deepEqual([...ends.keys()], ["l1", "l2", "urgent"]);
    for (const end of ends.values()) end();
  });
});

describe("a queue's limit", () => {
  test("a queue's limit holds, also for steps that waited for another worker without a slot", async (t) => {
    const { clock, low, runner, ledger, worker } = two(t, { most: 2, settings: { concurrency: 4 } });
    for (const step of ["held", ...names("l", 5)]) runner.scripts.set(step, blocks);
    const step = { runId: "run-1", stepKey: "held", attempt: 0 };
    await claimed(ledger, request({ step, leaseMs: 20 * second, payloadDigest: payloadDigest(envelope("held")) }));
    low.offer(about("held"), ...names("l", 5).map(about));
    for (let i = 0; i < 60; i += 1) {
      await clock.advance(second);
      assert.ok(runner.running <= 2, `${runner.running} steps at once`);
    }
    assert.equal(worker.snapshot().queues[1]?.busy, 2);
  });
});

describe("a queue that denies its receives", () => {
  const denied = new Fault("TQ_QUEUE_DENIED", "AWS does not allow ReceiveMessage on the queue low");

  test("a queue that denies its receives is logged by name; the others go on, and the worker stays ready", async (t) => {
    const { clock, high, low, logged, worker } = two(t);
    low.onReceive = async () => Promise.reject(denied);
    high.offer(...names("h", 20).map(about));
    await clock.advance(60 * second);
    assert.equal(stepsOf(high).length, 20);
    assert.deepEqual(logged.messages("intake.closed"), [`not receiving from low: ${denied.message}`]);
    const { closedBecause, queues } = worker.snapshot();
    assert.deepEqual([closedBecause, ...queues.map((queue) => queue.closedBecause)], [null, null, denied.message]);
    assert.ok(low.received.length < 20, `${low.received.length} receives in a minute`);
    low.onReceive = async () => undefined;
    low.offer(about("l1"));
    await clock.advance(31 * second);
    assert.deepEqual([stepsOf(low), logged.of("intake.open").length], [["l1"], 1]);
  });

  test("a queue that denies its receives makes the worker not ready when it is the last one", async (t) => {
    const { clock, high, low, worker } = two(t);
    for (const queue of [high, low]) queue.onReceive = async () => Promise.reject(denied);
    await clock.advance(60 * second);
    assert.equal(worker.snapshot().closedBecause, denied.message, "one cause is logged once");
  });

  test("a queue that hangs keeps the other waiting for a second at most", async (t) => {
    const { clock, high, low } = two(t, { weight: 1 });
    high.offer(about("h1"));
    high.onReceive = async () => {
      if (high.received.length > 1) await clock.sleep(25 * second);
    };
    low.offer(...names("l", 20).map(about));
    await clock.advance(3 * second);
    assert.equal(stepsOf(low).length, 20);
  });
});

test("a ledger that is down closes all queues, and lets one message at a time try all of them again", async (t) => {
  const { clock, high, low, ledger, worker } = two(t, { weight: 1 });
  ledger.down.add("all");
  high.offer(...names("h", 4).map(about));
  low.offer(...names("l", 4).map(about));
  await clock.advance(5 * second);
  assert.notEqual(worker.snapshot().closedBecause, null);
  ledger.down.clear();
  const before = high.received.length + low.received.length;
  low.offer(about("l5"));
  await clock.advance(120 * second);
  assert.deepEqual([worker.snapshot().closedBecause, stepsOf(low).at(-1)], [null, "l5"]);
  const receives = [...high.received, ...low.received].sort((a, b) => a.atMs - b.atMs);
  assert.equal(receives[before]?.options.max, 1);
});

test("each queue has its own receipts and dead letters, and its name in the log", async (t) => {
  const { clock, high, low, logged, runner } = two(t);
  runner.scripts.set("long", blocks);
  high.offer(message("bad", { body: "{", groupId: "tenant-1" }));
  low.offer(fifoMessage("long", "g", { body: bodyFor("long") }));
  await clock.advance(50 * second);
  assert.deepEqual(
    [high.buried.map(({ message: { id, groupId } }) => [id, groupId]), low.buried],
    [[["bad", "tenant-1"]], []],
  );
  const receipts = (queue: FakeQueue) =>
    queue.extended.flatMap(({ extensions }) => extensions.map(({ receipt }) => receipt));
  assert.deepEqual([new Set(receipts(high)), new Set(receipts(low))], [new Set([]), new Set(["long#1"])]);
  const buried = logged.of("dead_letter.buried")[0];
  assert.deepEqual([buried?.["queue"], buried?.["group"]], ["steps", "tenant-1"]);
  assert.equal(logged.of("step.claimed")[0]?.["queue"], "low");
});
