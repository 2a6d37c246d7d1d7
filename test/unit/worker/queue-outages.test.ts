// A queue that hands out no messages: reported if that does not pass soon, probed by receives, and
// back as soon as one works.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const minute = 60_000;

describe("the queue", () => {
  test("a queue that denies closes the intake at once, and is asked for one message at a time until it allows", async (t) => {
    const { clock, queue, logged, worker } = bench(t);
    const denied = new Fault("TQ_QUEUE_DENIED", "AWS does not allow ReceiveMessage on the queue q");
    queue.onReceive = async () => Promise.reject(denied);
    await clock.advance(0);
    assert.equal(worker.snapshot().closedBecause, denied.message);
    await clock.advance(10 * minute);
    assert.deepEqual(logged.messages("intake.closed"), [`not receiving: ${denied.message}`]);
    assert.equal(logged.of("intake.receive_failed").filter(({ level }) => level !== "debug").length, 0);
    assert.equal(worker.snapshot().closedBecause, denied.message);
    assert.ok(queue.received.length < 50, `${queue.received.length} receives in ten minutes`);
    queue.onReceive = async () => undefined;
    queue.offer(...["a", "b", "c"].map(about));
    await clock.advance(31_000);
    assert.deepEqual(queue.acked.sort(), ["a#1", "b#1", "c#1"]);
    assert.equal(worker.snapshot().closedBecause, null);
  });

  test("a queue that does not answer makes the worker not ready after half a minute", async (t) => {
    const { clock, queue, logged, worker } = bench(t);
    queue.onReceive = async () => Promise.reject(new Fault("TQ_QUEUE", "SQS does not answer ReceiveMessage"));
    await clock.advance(29_000);
    assert.deepEqual([worker.snapshot().closedBecause, logged.of("intake.closed")], [null, []]);
    assert.deepEqual(
      logged.of("intake.receive_failed").map(({ level }) => level),
      ["warn", ...Array(logged.of("intake.receive_failed").length - 1).fill("debug")],
    );
    await clock.advance(2_000);
    assert.equal(worker.snapshot().closedBecause, "SQS does not answer ReceiveMessage");
    assert.deepEqual(logged.messages("intake.closed"), ["not receiving: SQS does not answer ReceiveMessage"]);
    queue.onReceive = async () => undefined;
    await clock.advance(31_000);
    assert.deepEqual([worker.snapshot().closedBecause, logged.of("intake.open").length], [null, 1]);
  });

  test("a queue that hangs for the half minute of one receive makes the worker not ready as that ends", async (t) => {
    const { clock, queue, worker } = bench(t);
    queue.onReceive = async () => {
      await clock.sleep(30_000);
      throw new Fault("TQ_CREDENTIALS", "no AWS credentials");
    };
    await clock.advance(29_000);
    assert.equal(worker.snapshot().closedBecause, null);
    await clock.advance(1_000);
    assert.equal(worker.snapshot().closedBecause, "no AWS credentials");
  });

  test("a queue that is throttled for a moment leaves the worker ready, and its opening is not logged", async (t) => {
    const { clock, queue, logged, worker } = bench(t);
    const answers = [true, false];
    queue.onReceive = async () => (answers.shift() ? Promise.reject(new Error("socket hang up")) : undefined);
    await clock.advance(minute);
    assert.deepEqual(
      [worker.snapshot().closedBecause, logged.of("intake.closed"), logged.of("intake.open")],
      [null, [], []],
    );
    assert.deepEqual(logged.messages("intake.receive_failed"), ["could not receive: socket hang up"]);
  });
});
