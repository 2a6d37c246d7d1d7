// What the intake fetches: only what can start, and nothing while nothing can.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { message } from "../../support/messages.ts";
import { bench, visibilityMs, waitMs } from "./bench.ts";

const some = (count: number) => Array.from({ length: count }, (_, i) => message(`m${i + 1}`));
const never = new AbortController().signal;

describe("the intake fetches", () => {
  for (const [slots, expected] of [
    [1, 1],
    [4, 4],
    [25, 10],
  ] as const) {
    test(`at most ${expected} with ${slots} free slots`, async (t) => {
      const { clock, queue } = bench(t, { slots });
      await clock.advance(0);
      assert.deepEqual(
        queue.received.map(({ options }) => options),
        [{ waitMs, visibilityMs, max: expected }],
      );
    });
  }

  test("what fits beside what runs", async (t) => {
    const { clock, queue, asked, end } = bench(t, { slots: 4 });
    queue.offer(...some(3));
    await clock.advance(0);
    assert.deepEqual(asked(), [4, 1]);
    await end("m1");
    await clock.advance(waitMs);
    assert.deepEqual(asked(), [4, 1, 2]);
  });

  test("nothing while every slot is taken", async (t) => {
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

  test("again after an empty poll", async (t) => {
    const { clock, asked } = bench(t);
    await clock.advance(3 * waitMs);
    assert.deepEqual(asked(), [4, 4, 4, 4]);
  });

  test("and gives back the slots it did not need, first to who waits for one", async (t) => {
    const { clock, slots, asked } = bench(t, { slots: 2 });
    await clock.advance(0);
    const waiting = slots.take(never);
    await clock.advance(waitMs);
    assert.equal(await waiting, true);
    assert.deepEqual(asked(), [2, 1]);
    slots.release();
  });

  test("and counts a running step as busy, not a slot that only polls", async (t) => {
    const { clock, queue, slots, state } = bench(t, { slots: 4 });
    await clock.advance(0);
    assert.equal(slots.busy - state.slotsInPoll, 0);
    queue.offer(...some(3));
    await clock.advance(0);
    assert.equal(slots.busy - state.slotsInPoll, 3);
  });

  test("and knows when it last went round, and since when it polls", async (t) => {
    const { clock, queue, state } = bench(t, { slots: 1 });
    await clock.advance(waitMs + 5_000);
    assert.deepEqual([state.lastTurnAtMs, state.pollingSinceMs], [waitMs, waitMs]);
    queue.offer(message("m1"));
    await clock.advance(10);
    assert.deepEqual([state.pollingSinceMs, state.received], [null, 1]);
  });

  test("and hands over when the message was received", async (t) => {
    const { clock, queue, underWay } = bench(t);
    await clock.advance(5_000);
    queue.offer(message("m1"));
    await clock.advance(1_000);
    assert.equal(underWay.get("m1")?.received.receivedAtMs, clock.wallMs() - 1_000);
  });
});

describe("a closed intake", () => {
  test("receives nothing, and says once why", async (t) => {
    const { clock, asked, told, state } = bench(t, { closed: "the step host ended (signal SIGKILL)" });
    await clock.advance(60_000);
    assert.deepEqual(asked(), []);
    assert.deepEqual(told.messages("intake.closed"), ["not receiving: the step host ended (signal SIGKILL)"]);
    assert.equal(state.closedBecause, "the step host ended (signal SIGKILL)");
  });

  test("opens within a second of being able to", async (t) => {
    const { clock, asked, told, gate, state } = bench(t, { closed: "the step host is starting" });
    await clock.advance(60_000);
    gate.closed = null;
    await clock.advance(1_000);
    assert.deepEqual([asked(), state.closedBecause], [[4], null]);
    assert.deepEqual(told.messages("intake.open"), ["receiving"]);
  });

  test("says why anew when the reason changes", async (t) => {
    const { clock, told, gate } = bench(t, { closed: "the step host ended (exit code 1)" });
    await clock.advance(1_000);
    gate.closed = "code location etl cannot be imported";
    await clock.advance(1_000);
    assert.equal(told.of("intake.closed").length, 2);
  });

  test("that closed while it waited for a slot receives nothing either", async (t) => {
    const { clock, queue, asked, gate, slots, end } = bench(t, { slots: 1 });
    queue.offer(message("m1"));
    await clock.advance(0);
    gate.closed = "the step host ended (signal SIGKILL)";
    await end("m1");
    await clock.advance(60_000);
    assert.deepEqual([asked(), slots.busy], [[1], 0]);
    gate.closed = null;
    await clock.advance(1_000);
    assert.deepEqual(asked(), [1, 1]);
  });

  test("stops at once", async (t) => {
    const { clock, quiet, isOver } = bench(t, { closed: "the step host is starting" });
    await clock.advance(300);
    quiet.abort();
    await clock.advance(0);
    assert.equal(isOver(), true);
  });
});

describe("a receive that fails", () => {
  test("is tried again after a growing wait, never in a hot loop", async (t) => {
    const { clock, queue, told } = bench(t);
    queue.onReceive = async () => Promise.reject(new Error("connect ECONNREFUSED"));
    await clock.advance(200_000);
    const instants = queue.received.map(({ atMs }) => atMs);
    const waits = instants.slice(1).map((atMs, i) => atMs - (instants[i] ?? 0));
    assert.deepEqual(waits, [750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500, 22_500, 22_500, 22_500, 22_500]);
    assert.equal(told.messages("intake.receive_failed")[0], "could not receive: connect ECONNREFUSED");
  });

  test("once is forgotten once one works", async (t) => {
    const { clock, queue } = bench(t);
    const outcomes = [true, false, true, false];
    queue.onReceive = async () => (outcomes.shift() ? Promise.reject(new Error("throttled")) : undefined);
    await clock.advance(0);
    await clock.advance(750 + waitMs + 750);
    assert.deepEqual(
      queue.received.map(({ atMs }) => atMs),
      [0, 750, 750 + waitMs, 750 + waitMs + 750],
    );
  });

  test("leaves every slot free", async (t) => {
    const { clock, queue, slots, state } = bench(t);
    queue.onReceive = async () => Promise.reject(new Error("throttled"));
    await clock.advance(0);
    assert.deepEqual([slots.busy, state.slotsInPoll, state.pollingSinceMs], [0, 0, null]);
  });

  test("does not hold up the stop", async (t) => {
    const { clock, queue, quiet, isOver } = bench(t);
    queue.onReceive = async () => Promise.reject(new Error("throttled"));
    await clock.advance(30_000);
    quiet.abort();
    await clock.advance(0);
    assert.equal(isOver(), true);
  });
});
