// Waits that end.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { NoAnswer, startDeadline, until } from "../../../core/queue/sqs/deadlines.ts";

const never = new Promise<never>(() => undefined);

test("a wait ends by its deadline, with the time it took", async () => {
  const { signal } = startDeadline(100, []);
  await assert.rejects(until(signal, never), new NoAnswer("no answer within 0.1 s"));
});

test("another signal ends it sooner, with its own reason, even one that aborted before", async () => {
  const closed = new AbortController();
  const deadline = startDeadline(60_000, [closed.signal]);
  const waiting = until(deadline.signal, never);
  closed.abort(new Error("closed"));
  await assert.rejects(waiting, new Error("closed"));
  const late = startDeadline(60_000, [closed.signal]);
  await assert.rejects(until(late.signal, Promise.resolve(1)), new Error("closed"));
  for (const one of [deadline, late]) one.clear();
});

test("a wait that is over leaves nothing on the signals that could have ended it", async () => {
  const closed = new AbortController();
  const deadline = startDeadline(60_000, [closed.signal]);
  assert.equal(await until(deadline.signal, Promise.resolve("answer")), "answer");
  deadline.clear();
  for (const signal of [closed.signal, deadline.signal]) assert.deepEqual(getEventListeners(signal, "abort"), []);
});
