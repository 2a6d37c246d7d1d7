// Calls that coincide share one request, and none suffers for another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Fault } from "../../core/faults.ts";
import { type Company, SharedRequests } from "../../core/shared-requests.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";

interface Question {
  readonly key: string;
  readonly n: number;
}

/** Each request waits until the test answers it. */
function bench(max = 3, company?: Company) {
  const sent: { readonly questions: readonly Question[]; readonly answer: () => void; fail(error: Error): void }[] = [];
  const send = (questions: readonly Question[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      sent.push({ questions, answer: () => resolve(questions.map(({ key, n }) => `${key}${n}`)), fail: reject });
    });
  const batches = new SharedRequests<Question, string>({
    max,
    send,
    keyOf: ({ key }) => key,
    ...(company && { company }),
  });
  const ask = (key: string, n = 0) => batches.ask({ key, n });
  const keys = () => sent.map(({ questions }) => questions.map(({ key, n }) => `${key}${n}`).join(" "));
  return { sent, ask, keys };
}

test("questions of one turn share a request, and those that come meanwhile share the next", async () => {
  const { sent, ask, keys } = bench();
  const first = [ask("a"), ask("b")];
  await turn();
  assert.deepEqual(keys(), ["a0 b0"]);
  const later = [ask("c"), ask("d")];
  await turn();
  assert.deepEqual(keys(), ["a0 b0"], "one request at a time");
  sent[0]?.answer();
  assert.deepEqual(await Promise.all(first), ["a0", "b0"]);
  await turn();
  assert.deepEqual(keys(), ["a0 b0", "c0 d0"], "without waiting for company");
  sent[1]?.answer();
  assert.deepEqual(await Promise.all(later), ["c0", "d0"]);
});

test("two questions about one key never share a request, and keep their order", async () => {
  const { sent, ask, keys } = bench(2);
  const asked = [ask("a", 1), ask("a", 2), ask("b", 1), ask("a", 3), ask("c", 1)];
  for (let i = 0; i < 3; i += 1) {
    await turn();
    sent[i]?.answer();
  }
  await Promise.all(asked);
  assert.deepEqual(keys(), ["a1 b1", "a2 c1", "a3"]);
});

test("without keys, any two questions share a request", async () => {
  const sent: (readonly string[])[] = [];
  const send = async (questions: readonly string[]) => {
    sent.push(questions);
    return questions;
  };
  const batches = new SharedRequests<string, string>({ max: 3, send });
  assert.deepEqual(await Promise.all(["a", "a", "b"].map((one) => batches.ask(one))), ["a", "a", "b"]);
  assert.deepEqual(sent, [["a", "a", "b"]]);
});

test("an outage rejects every question of the request", async () => {
  const { sent, ask } = bench();
  const asked = [ask("a"), ask("b")];
  await turn();
  const fault = new Fault("TQ_LEDGER", "gone");
  sent[0]?.fail(fault);
  for (const one of asked) await assert.rejects(one, fault);
  assert.equal(sent.length, 1);
});

test("a failure that one question causes rejects that question alone", async () => {
  const { sent, ask, keys } = bench();
  const asked = [ask("a"), ask("poison"), ask("b")];
  const settled = Promise.allSettled(asked);
  await turn();
  sent[0]?.fail(new Error("invalid byte sequence"));
  for (let i = 1; i <= 3; i += 1) {
    await turn();
    if (i === 2) sent[i]?.fail(new Error("invalid byte sequence"));
    else sent[i]?.answer();
  }
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(keys(), ["a0 poison0 b0", "a0", "poison0", "b0"]);
});

test("a question that can wait goes out when there is enough company, or when its time is over", async () => {
  const clock = new ManualClock();
  const { sent, ask, keys } = bench(10, { enough: 3, waitMs: 50, clock });
  const asked = [ask("a")];
  await clock.advance(49);
  assert.deepEqual(keys(), []);
  await clock.advance(1);
  assert.deepEqual(keys(), ["a0"]);
  sent[0]?.answer();
  await clock.advance(0);
  asked.push(ask("b"));
  await clock.advance(10);
  asked.push(ask("c"), ask("d"));
  await clock.advance(0);
  assert.deepEqual(keys(), ["a0", "b0 c0 d0"]);
  sent[1]?.answer();
  await Promise.all(asked);
});
