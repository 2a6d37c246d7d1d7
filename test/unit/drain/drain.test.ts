// A drain: a whole worker on a manual clock, watched until its queue is proven empty.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Drain, type DrainEnd } from "../../../core/drain/drain.ts";
import { Fault } from "../../../core/faults.ts";
import type { WorkerQueue } from "../../../core/intake/lane.ts";
import type { Queue, QueueDepth } from "../../../core/queue/port.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { fails, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "../worker/setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const settleMs = 60_000;

class DrainState {
  end: DrainEnd | null = null;
  failure: unknown = null;
}

function drain(
  t: TestContext,
  { maxMs = null as number | null, others = [] as readonly Omit<WorkerQueue, "queue">[] } = {},
) {
  let drained: Drain | null = null;
  const watch = (queue: Queue, clock: ManualClock) => {
    drained ??= new Drain(clock);
    return drained.watch(queue);
  };
  const made = bench(t, {}, { others, watch });
  if (drained === null) throw new Error("no queue was watched");
  const { clock, worker, logged } = made;
  const shown: QueueDepth[] = [];
  const elsewhere: number[] = [];
  const stop = new AbortController();
  const ports = {
    clock,
    observe: logged.observe,
    snapshot: () => worker.snapshot(),
    progress: (_: unknown, left: QueueDepth, others: number) => {
      shown.push(left);
      elsewhere.push(others);
    },
  };
  const state = new DrainState();
  const start = () =>
    (drained as unknown as Drain).run(ports, { settleMs, maxMs }, stop.signal).then(
      (end) => {
        state.end = end;
      },
      (error: unknown) => {
        state.failure = error;
      },
    );
  t.after(() => stop.abort());
  const ended = () => state.end !== null;
  return { ...made, shown, elsewhere, stop, state, start, ended };
}

describe("a drain", () => {
  test("a drain ends a settling time after the last step, not before", async (t) => {
    const { clock, queue, runner, state, start, worker } = drain(t);
    runner.scripts.set("load", async (step) => {
      await clock.sleep(100_000);
      return await succeeds(step);
    });
    runner.scripts.set("clean", fails);
    queue.offer(about("load"), about("clean"));
    void start();
    await clock.advance(100_000 + settleMs - 1_000);
    assert.equal(state.end, null);
    await clock.advance(waitMs + 5_000);
    assert.deepEqual(state.end, { how: "empty", left: { visible: 0, inFlight: 0, delayed: 0 } });
    const { outcomes, ended } = worker.snapshot();
    assert.deepEqual([outcomes.success, outcomes.failure, ended.acked], [1, 1, 2]);
  });

  test("a drain goes on for a message that comes late", async (t) => {
    const { clock, queue, state, start } = drain(t);
    void start();
    await clock.advance(settleMs - 1_000);
    queue.offer(about("load"));
    await clock.advance(settleMs - 1_000);
    assert.deepEqual([state.end, queue.acked], [null, ["load#1"]]);
    await clock.advance(waitMs + 5_000);
    assert.equal(state.end?.how, "empty");
  });

  for (const where of ["visible", "inFlight", "delayed"] as const) {
    test(`a drain waits for what is ${where} elsewhere, and says what is left when its time is over`, async (t) => {
      const { clock, queue, state, start, shown } = drain(t, { maxMs: 600_000 });
      const depth = { visible: 0, inFlight: 0, delayed: 0, [where]: 3 };
      queue.depth = async () => depth;
      void start();
      await clock.advance(599_000);
      assert.deepEqual([state.end, shown.at(-1)], [null, depth]);
      await clock.advance(1_000);
      assert.deepEqual(state.end, { how: "max_time", left: depth });
    });
  }

  test("a drain does not take its own step for one elsewhere while SQS still counts it", async (t) => {
    const { clock, queue, runner, start, elsewhere } = drain(t, { maxMs: 600_000 });
    runner.scripts.set("load", async (step) => {
      await clock.sleep(20_000);
      return await succeeds(step);
    });
    queue.offer(about("load"));
    // SQS counts it for 50 s after its end.
    queue.depth = async () => ({
      visible: 0,
      inFlight: clock.monoMs() > 0 && clock.monoMs() < 70_000 ? 1 : 0,
      delayed: 0,
    });
    void start();
    await clock.advance(90_000);
    assert.deepEqual([...new Set(elsewhere)], [0]);
    queue.depth = async () => ({ visible: 0, inFlight: 3, delayed: 0 });
    await clock.advance(10_000);
    assert.equal(elsewhere.at(-1), 3, "what another worker has is elsewhere");
  });

  test("a drain is not over while receives or counts fail", async (t) => {
    const { clock, queue, state, start, logged, ended } = drain(t);
    void start();
    await clock.advance(1_000);
    queue.onReceive = () => Promise.reject(new Fault("TQ_QUEUE", "no route"));
    await clock.advance(200_000);
    assert.ok(!ended(), "receives fail");
    queue.onReceive = async () => undefined;
    const { depth } = queue;
    queue.depth = () => Promise.reject(new Fault("TQ_QUEUE", "no route"));
    await clock.advance(200_000);
    assert.ok(logged.of("drain.count_failed").length > 0);
    assert.ok(!ended(), "counts fail");
    queue.depth = depth;
    await clock.advance(settleMs + waitMs + 5_000);
    assert.equal(state.end?.how, "empty");
  });

  test("a drain of several queues is over when each of them is empty", async (t) => {
    const bulk = { name: "bulk", weight: null, most: null };
    const { clock, others, state, start, ended, shown } = drain(t, { others: [bulk] });
    const [other] = others;
    assert.ok(other !== undefined);
    const { depth } = other;
    other.depth = async () => ({ visible: 0, inFlight: 2, delayed: 0 });
    void start();
    await clock.advance(300_000);
    assert.ok(!ended());
    assert.deepEqual(shown.at(-1), { visible: 0, inFlight: 2, delayed: 0 });
    other.depth = depth;
    await clock.advance(settleMs + 4 * waitMs);
    assert.equal(state.end?.how, "empty");
  });

  test("a drain rejects where the queue cannot be counted at all", async (t) => {
    const { clock, queue, state, start } = drain(t);
    queue.depth = () => Promise.reject(new Fault("TQ_QUEUE_DENIED", "not allowed"));
    void start();
    await clock.advance(0);
    assert.ok(state.failure instanceof Fault && state.failure.code === "TQ_QUEUE_DENIED");
  });

  test("a drain ends when it is stopped", async (t) => {
    const { clock, state, start, stop } = drain(t);
    void start();
    await clock.advance(5_000);
    stop.abort();
    await clock.advance(0);
    assert.equal(state.end?.how, "stopped");
  });

  test("an empty queue is not proven by short polls, which ask a part of the servers only", async (t) => {
    const { worker, logged } = drain(t);
    for (const [pollMs, how] of [
      [0, "max_time"],
      [1_000, "empty"],
    ] as const) {
      const clock = new ManualClock();
      const lonely = new Drain(clock);
      const queue = lonely.watch(new FakeQueue(clock));
      const ports = { clock, observe: logged.observe, snapshot: () => worker.snapshot(), progress: () => undefined };
      const ended = lonely.run(ports, { settleMs, maxMs: 100_000 }, new AbortController().signal);
      for (let i = 0; i < 10; i += 1) {
        await clock.advance(1_000);
        const polled = queue.receive({ max: 1, waitMs: pollMs, visibilityMs: 60_000 });
        await clock.advance(10_000);
        await polled;
      }
      assert.equal((await ended).how, how);
    }
  });
});
