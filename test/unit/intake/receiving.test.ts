// What the intake fetches: only what can start, and nothing while nothing can.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { message } from "../../support/sqs/messages.ts";
import { bench, visibilityMs, waitMs } from "./setup.ts";

const some = (count: number) => Array.from({ length: count }, (_, i) => message(`m${i + 1}`));
const never = new AbortController().signal;

describe("the intake fetches", () => {
  for (const [slots, expected] of [
    [1, 1],
    [4, 4],
    [25, 10],
  ] as const) {
    test(`the intake fetches at most ${expected} with ${slots} free slots`, async (t) => {
      const { clock, queue } = bench(t, { slots });
      await clock.advance(0);
      assert.deepEqual(
        queue.received.map(({ options: { waitMs, visibilityMs, max } }) => ({ waitMs, visibilityMs, max })),
        [{ waitMs, visibilityMs, max: expected }],
      );
    });
  }

  test("the intake fetches as many messages as fit beside the running steps", async (t) => {
    const { clock, queue, asked, end } = bench(t, { slots: 4 });
    queue.offer(...some(3));
    await clock.advance(0);
    assert.deepEqual(asked(), [4, 1]);
    await end("m1");
    await clock.advance(waitMs);
    assert.deepEqual(asked(), [4, 1, 2]);
  });

  test("the intake fetches nothing while every slot is taken", async (t) => {
    const { clock, queue, asked, begun, end } = bench(t, { slots: 2 });
    queue.offer(...some(5));
    await clock.advance(600_000);
    assert.deepEqual([asked(), begun], [[2], ["m1", "m2"]]);
    await end("m2");
    assert.deepEqual(
      [asked(), begun],
      [
        [2, 1],
        ["m1", "m2", "m3"],
      ],
    );
  });

  test("the intake fetches again after an empty poll", async (t) => {
    const { clock, asked } = bench(t);
    await clock.advance(3 * waitMs);
    assert.deepEqual(asked(), [4, 4, 4, 4]);
  });

  test("the intake gives back the slots that a receive did not need, first to the oldest waiter", async (t) => {
    const { clock, slots, asked } = bench(t, { slots: 2 });
    await clock.advance(0);
    const waiting = slots.take(never);
    await clock.advance(waitMs);
    assert.equal(await waiting, true);
    assert.deepEqual(asked(), [2, 1]);
    slots.release();
  });

  test("the intake counts a running step as busy, not a slot that only polls", async (t) => {
    const { clock, queue, slots, lane } = bench(t, { slots: 4 });
    await clock.advance(0);
    assert.equal(slots.busy - lane.slotsInPoll, 0);
    queue.offer(...some(3));
    await clock.advance(0);
    assert.equal(slots.busy - lane.slotsInPoll, 3);
  });

  test("the intake knows when it last went round, and since when it polls", async (t) => {
    const { clock, queue, lane, intake } = bench(t, { slots: 1 });
    await clock.advance(waitMs + 5_000);
    assert.deepEqual([intake.lastTurnAtMs, lane.pollingSinceMs], [waitMs, waitMs]);
    queue.offer(message("m1"));
    await clock.advance(10);
    assert.deepEqual([lane.pollingSinceMs, lane.received], [null, 1]);
  });

  test("the intake hands over when the message was received", async (t) => {
    const { clock, queue, underWay } = bench(t);
    await clock.advance(5_000);
    queue.offer(message("m1"));
    await clock.advance(1_000);
    assert.equal(underWay.get("m1")?.received.receivedAtMs, clock.wallMs() - 1_000);
  });
});

describe("a closed intake", () => {
  const gone = "the step host ended (signal SIGKILL)";

  test("a closed intake receives nothing, and says once why", async (t) => {
    const { clock, asked, logged, breaker } = bench(t, { closed: gone });
    await clock.advance(60_000);
    assert.deepEqual(asked(), []);
    assert.deepEqual(logged.messages("intake.closed"), [`not receiving: ${gone}`]);
    assert.equal(breaker.closedBecause(), gone);
  });

  test("a closed intake opens within a second of being able to", async (t) => {
    const { clock, asked, logged, gate, breaker } = bench(t, { closed: "the step host is starting" });
    await clock.advance(60_000);
    gate.closed = null;
    await clock.advance(1_000);
    assert.deepEqual([asked(), breaker.closedBecause()], [[4], null]);
    assert.deepEqual(logged.messages("intake.open"), ["receiving again after 60 s"]);
  });

  test("an intake that closed while it waited for a slot receives nothing either", async (t) => {
    const { clock, queue, asked, gate, slots, end } = bench(t, { slots: 1 });
    queue.offer(message("m1"));
    await clock.advance(0);
    gate.closed = gone;
    await end("m1");
    await clock.advance(60_000);
    assert.deepEqual([asked(), slots.busy], [[1], 0]);
    gate.closed = null;
    await clock.advance(1_000);
    assert.deepEqual(asked(), [1, 1]);
  });

  test("a closed intake goes round and counts as alive", async (t) => {
    const { clock, intake } = bench(t, { closed: gone });
    await clock.advance(600_000);
    assert.equal(clock.monoMs() - intake.lastTurnAtMs <= 1_000, true);
  });

  test("a closed intake stops at once", async (t) => {
    const { clock, quiet, isOver } = bench(t, { closed: "the step host is starting" });
    await clock.advance(300);
    quiet.stop();
    await clock.advance(0);
    assert.equal(isOver(), true);
  });
});

describe("an intake on trial", () => {
  const failed = { cause: "instance", why: "the Dagster instance cannot be reached" } as const;

  test("an intake on trial fetches one message, and no other until that has proven the outage over", async (t) => {
    const { clock, queue, asked, begun, breaker } = bench(t);
    queue.offer(...some(6));
    breaker.failed(failed);
    await clock.advance(20_000);
    assert.deepEqual([asked(), begun], [[1], ["m1"]]);
    breaker.worked("instance");
    await clock.advance(250);
    assert.deepEqual(
      [asked(), begun],
      [
        [1, 3],
        ["m1", "m2", "m3", "m4"],
      ],
    );
  });
});

describe("a receive that fails", () => {
  const refused = async () => Promise.reject(new Error("connect ECONNREFUSED"));

  test("a receive that fails is tried again after a growing wait, and asks for one message at once", async (t) => {
    const { clock, queue } = bench(t);
    queue.onReceive = refused;
    await clock.advance(100_000);
    const instants = queue.received.map(({ atMs }) => atMs);
    const waits = instants.slice(1).map((atMs, i) => atMs - (instants[i] ?? 0));
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000, 15_000]);
    const [, ...retries] = queue.received.map(({ options }) => options);
    assert.deepEqual(new Set(retries.map(({ max, waitMs: wait }) => `${max} ${wait}`)), new Set(["1 0"]));
  });

  test("a receive that fails once is forgotten once one works", async (t) => {
    const { clock, queue } = bench(t);
    const outcomes = [true, true, false, false, true, false];
    queue.onReceive = async () => (outcomes.shift() ? refused() : undefined);
    await clock.advance(1_500 + waitMs + 1_000);
    assert.deepEqual(
      queue.received.map(({ atMs }) => atMs),
      [0, 500, 1_500, 1_500, 1_500 + waitMs, 2_000 + waitMs, 2_000 + waitMs],
    );
  });

  test("a receive that fails leaves every slot free", async (t) => {
    const { clock, queue, slots, lane } = bench(t);
    queue.onReceive = refused;
    await clock.advance(0);
    assert.deepEqual([slots.busy, lane.slotsInPoll, lane.pollingSinceMs], [0, 0, null]);
  });

  test("a receive that fails does not hold up the stop", async (t) => {
    const { clock, queue, quiet, isOver } = bench(t);
    queue.onReceive = refused;
    await clock.advance(30_000);
    quiet.stop();
    await clock.advance(0);
    assert.equal(isOver(), true);
  });
});
