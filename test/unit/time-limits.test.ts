// Waits that end: the clock says when it is too late.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { until } from "../../core/on-abort.ts";
import { NoAnswer } from "../../core/time-limits.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";

const never = new Promise<never>(() => undefined);

describe("within", () => {
  test("an answer that comes in time is the result, and no timer is left", async () => {
    const clock = new ManualClock();
    assert.deepEqual(await clock.within(1_000, Promise.resolve("answer")), { inTime: true, value: "answer" });
    assert.equal(clock.sleeping, 0);
  });

  test("a promise that rejects in time rejects the wait", async () => {
    const clock = new ManualClock();
    await assert.rejects(clock.within(1_000, Promise.reject(new Error("broken"))), new Error("broken"));
    assert.equal(clock.sleeping, 0);
  });

  test("a limited wait is over at its time by the injected clock, and a late answer is ignored", async () => {
    const clock = new ManualClock();
    const work = Promise.withResolvers<never>();
    const waiting = clock.within(1_000, work.promise);
    await clock.advance(999);
    assert.equal(clock.sleeping, 1);
    await clock.advance(1);
    assert.deepEqual(await waiting, { inTime: false });
    work.reject(new Error("late"));
  });
});

describe("a deadline", () => {
  test("a deadline aborts at its time by the injected clock, and says how long that was", async () => {
    const clock = new ManualClock();
    const { signal } = clock.deadline(100);
    const rejected = assert.rejects(until(signal, never), new NoAnswer("no answer within 100 ms"));
    await clock.advance(99);
    assert.equal(signal.aborted, false);
    await clock.advance(1);
    await rejected;
  });

  test("another signal ends a deadline sooner, with its own reason, even one that aborted before", async () => {
    const closed = new AbortController();
    const deadline = systemClock.deadline(60_000, [closed.signal]);
    const waiting = until(deadline.signal, never);
    closed.abort(new Error("closed"));
    await assert.rejects(waiting, new Error("closed"));
    const late = systemClock.deadline(60_000, [closed.signal]);
    await assert.rejects(until(late.signal, Promise.resolve(1)), new Error("closed"));
    for (const one of [deadline, late]) one.clear();
  });

  test("a cleared deadline never aborts, and leaves no timer and no listener", async () => {
    const [clock, closed] = [new ManualClock(), new AbortController()];
    const deadline = clock.deadline(1_000, [closed.signal]);
    assert.equal(await until(deadline.signal, Promise.resolve("answer")), "answer");
    deadline.clear();
    assert.equal(clock.sleeping, 0);
    for (const signal of [closed.signal, deadline.signal]) assert.deepEqual(getEventListeners(signal, "abort"), []);
    await clock.advance(2_000);
    assert.equal(deadline.signal.aborted, false);
  });
});
