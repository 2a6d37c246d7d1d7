// Receives that meet a failing service or network: what is asked again, with which attempt id, and
// when it ends in a Fault.
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { describeError } from "../../core/faults.ts";
import { eventually } from "../support/eventually.ts";
import type { ServerFault } from "../support/sqs/server/faults.ts";
import { wire } from "../support/sqs/sqs-adapter.ts";

const options = { max: 10, waitMs: 1_000, visibilityMs: 30_000 };
const throttle: ServerFault = { kind: "refuse", code: "RequestThrottled" };
const lostAnswers: Record<string, ServerFault> = {
  "the connection is cut": { kind: "cut", effect: "after" },
  "the service fails after it took the messages": { kind: "error", status: 500, effect: "after" },
  "the answer never comes": { kind: "stall", at: "head" },
  "the answer stops half way": { kind: "stall", at: "body" },
  "the answer is too late": { kind: "late", ms: 3_000 },
};

for (const [name, fault] of Object.entries(lostAnswers)) {
  test(`the same attempt id brings back the same FIFO messages when ${name}`, async (t) => {
    const { queue, server, source, requestsOf } = await wire(t, {}, { pollMarginMs: 1_500 });
    source.send({ body: "1", groupId: "a", deduplicationId: "1" });
    source.send({ body: "2", groupId: "a", deduplicationId: "2" });
    server.faults.next("ReceiveMessage", fault);
    const messages = await queue.receive(options);
    assert.deepEqual(
      messages.map(({ body, receiveCount }) => [body, receiveCount]),
      [
        ["1", 1],
        ["2", 1],
      ],
    );
    const [first, second, ...more] = requestsOf("ReceiveMessage").map(({ input }) => input);
    assert.deepEqual(more, []);
    assert.match(String(first?.["ReceiveRequestAttemptId"]), /^[0-9a-f-]{36}$/);
    assert.deepEqual(second, { ...first, WaitTimeSeconds: 0 });
  });
}

for (const [fifo, brought] of [
  [true, ["1"]],
  [false, []],
] as const) {
  const what = fifo ? "FIFO: a cut receive brings what SQS had fetched" : "standard: a cut receive brings nothing";
  test(`a receive is tried again with its attempt id after ${what}, without waiting`, async (t) => {
    const { queue, server, source } = await wire(t, { fifo });
    source.send({ body: "1", ...(fifo ? { groupId: "a", deduplicationId: "1" } : {}) });
    server.faults.next("ReceiveMessage", { kind: "stall", at: "head" });
    const cut = new AbortController();
    const receiving = queue.receive({ ...options, waitMs: 20_000, cut: cut.signal });
    await eventually("the message is taken", () => source.inspect()[0]?.state === "in_flight");
    cut.abort();
    assert.deepEqual(
      (await receiving).map(({ body }) => body),
      brought,
    );
  });
}

test("a throttled receive is asked again with a new attempt id and its whole wait", async (t) => {
  const { queue, server, source, requestsOf } = await wire(t);
  source.send({ body: "1", groupId: "a", deduplicationId: "1" });
  server.faults.next("ReceiveMessage", throttle);
  assert.equal((await queue.receive(options)).length, 1);
  const [first, second] = requestsOf("ReceiveMessage").map(({ input }) => input);
  assert.notEqual(second?.["ReceiveRequestAttemptId"], first?.["ReceiveRequestAttemptId"]);
  assert.equal(second?.["WaitTimeSeconds"], 1);
});

test("each receive has an attempt id of its own", async (t) => {
  const { queue, requestsOf } = await wire(t);
  await queue.receive({ ...options, waitMs: 0 });
  await queue.receive({ ...options, waitMs: 0 });
  const [first, second] = requestsOf("ReceiveMessage").map(({ input }) => input["ReceiveRequestAttemptId"]);
  assert.notEqual(first, second);
});

test("the messages of a lost answer of a standard queue stay hidden until their visibility ends", async (t) => {
  const { queue, server, source, requestsOf } = await wire(t, { fifo: false });
  const { messageId } = source.send({ body: "1" });
  server.faults.next("ReceiveMessage", { kind: "cut", effect: "after" });
  assert.deepEqual(await queue.receive({ ...options, visibilityMs: 1_000 }), []);
  assert.equal(requestsOf("ReceiveMessage")[0]?.input["ReceiveRequestAttemptId"], undefined);
  const [message] = await queue.receive({ ...options, waitMs: 10_000 });
  assert.deepEqual([message?.id, message?.receiveCount], [messageId, 2]);
});

test("four failures end a receive, and the SDK makes none of the retries", async (t) => {
  const { queue, server, pair, requestsOf, observed } = await wire(t);
  server.faults.next("ReceiveMessage", throttle, throttle, throttle, throttle);
  await assert.rejects(queue.receive(options), {
    name: "Fault",
    code: "TQ_QUEUE",
    message: `SQS throttles ReceiveMessage on the queue ${pair.url}`,
    hint: "Poll less often, or ask AWS for a higher quota.",
  });
  assert.equal(requestsOf("ReceiveMessage").length, 4);
  assert.deepEqual(
    observed.map(({ event, attempt, trouble }) => [event, attempt, trouble]),
    [1, 2, 3].map((attempt) => ["queue.receive_retried", attempt, "throttled"]),
  );
});

test("an unreachable service ends in a Fault", async (t) => {
  const { queue, server, pair } = await wire(t);
  server.faults.otherwise(() => ({ kind: "cut", effect: "before" }));
  await assert.rejects(queue.receive(options), {
    name: "Fault",
    code: "TQ_QUEUE",
    message: `SQS does not answer ReceiveMessage on the queue ${pair.url}`,
    hint: "Check the network, the endpoint and the region.",
  });
});

test("a silent service is given up after half a minute, and named as silent", async (t) => {
  // A hundred times as fast: each try waits 20 s.
  const clock = { ...systemClock, monoMs: () => systemClock.monoMs() * 100 };
  const { queue, server, pair, requestsOf } = await wire(t, {}, { pollMarginMs: 200, clock });
  server.faults.otherwise(() => ({ kind: "stall", at: "head" }));
  await assert.rejects(queue.receive({ ...options, waitMs: 0 }), (fault: Error) => {
    assert.equal(
      describeError(fault),
      `SQS does not answer ReceiveMessage on the queue ${pair.url}: no answer within 200 ms`,
    );
    return true;
  });
  assert.equal(requestsOf("ReceiveMessage").length, 2);
});

for (const code of ["AccessDenied", "KmsAccessDenied"]) {
  test(`a receive refused with ${code} is not retried`, async (t) => {
    const { queue, server, pair, requestsOf } = await wire(t);
    server.faults.next("ReceiveMessage", { kind: "refuse", code });
    await assert.rejects(queue.receive(options), {
      code: "TQ_QUEUE_DENIED",
      message: `AWS does not allow ReceiveMessage on the queue ${pair.url}`,
    });
    assert.equal(requestsOf("ReceiveMessage").length, 1);
  });
}

test("a receive whose messages were swallowed gives nothing, and they come back", async (t) => {
  const { queue, server, source } = await wire(t);
  source.send({ body: "1", groupId: "a", deduplicationId: "1" });
  server.faults.next("ReceiveMessage", { kind: "swallow" });
  assert.deepEqual(await queue.receive({ ...options, visibilityMs: 1_000 }), []);
  assert.equal((await queue.receive({ ...options, waitMs: 10_000 }))[0]?.receiveCount, 2);
});

test("a receive may wait longer than any other call may take", async (t) => {
  const { queue, requestsOf } = await wire(t, {}, { callTimeoutMs: 100, pollMarginMs: 5_000 });
  assert.deepEqual(await queue.receive({ ...options, waitMs: 1_000 }), []);
  assert.equal(requestsOf("ReceiveMessage").length, 1);
});

test("long polls keep no other call waiting, however many there are", async (t) => {
  const { queue, source, server, requestsOf } = await wire(t);
  source.send({ body: "1", groupId: "a", deduplicationId: "1" });
  const [message] = await queue.receive({ ...options, max: 1 });
  // One more than the SDK has sockets.
  const polls = Array.from({ length: 51 }, () => queue.receive({ ...options, waitMs: 20_000 }));
  const receipt = message?.receipt ?? "";
  assert.deepEqual(await queue.extend([{ receipt, visibilityMs: 60_000 }]), ["done"]);
  assert.deepEqual(await queue.ack([receipt]), ["done"]);
  assert.ok(requestsOf("ReceiveMessage").length > 1);
  await server.stop();
  await Promise.allSettled(polls);
});
