// A stopping intake finishes the poll under way, or cuts it on a FIFO queue, and gives back its
// messages. It waits for running steps.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "./setup.ts";

describe("stopping", () => {
  test("a stop finishes the poll under way, and gives back what it fetched", async (t) => {
    const { clock, queue, begun, quiet, journal, isOver, lane } = bench(t);
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(1_000);
    assert.equal(isOver(), false);
    queue.offer(message("m1"), message("m2"));
    await clock.advance(0);
    assert.deepEqual([begun, journal, isOver()], [[], ["extend m1#1 0", "extend m2#1 0"], true]);
    assert.deepEqual([lane.received, lane.ended.released], [2, 2]);
  });

  test("a stop ends with a poll that finds nothing", async (t) => {
    const { clock, quiet, asked, isOver } = bench(t);
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(waitMs - 5_000);
    assert.deepEqual([asked(), isOver()], [[4], true]);
  });

  test("a stop cuts at once the poll of a FIFO queue with no message under way", async (t) => {
    const { clock, queue, quiet, logged, asked, isOver } = bench(t, { fifo: true });
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(0);
    assert.deepEqual([queue.received.at(-1)?.options.cut?.aborted, asked(), isOver()], [true, [4], true]);
    assert.deepEqual(logged.of("intake.last_receive"), []);
  });

  test("a stop leaves in the ledger the poll of a FIFO queue that it cuts, until SQS serves it no longer", async (t) => {
    const { clock, quiet, ledger } = bench(t, { fifo: true });
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(15_999);
    assert.deepEqual(await ledger.cutReceives.take(["fake:"], 60_000), []);
    await clock.advance(1);
    const left = [{ attemptId: "attempt-1", queueUrl: "fake:", max: 4 }];
    assert.deepEqual(await ledger.cutReceives.take(["fake:"], 60_000), left);
  });

  test("a stop waits for the poll of a FIFO queue that the ledger does not take, and logs that", async (t) => {
    const { clock, quiet, logged, ledger, isOver } = bench(t, { fifo: true });
    ledger.down.add("leave");
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(waitMs - 5_001);
    const [said, ...more] = logged.of("intake.last_receive");
    assert.deepEqual([said?.["waitMs"], more, isOver()], [waitMs - 5_000, [], false]);
    assert.match(
      said?.message ?? "",
      /^waiting up to 15 s for the last receive, because the ledger, .* refuses: ledger under test: connection refused; a/,
    );
    await clock.advance(1);
    assert.equal(isOver(), true);
  });

  test("a stop cuts the poll of a FIFO queue as soon as a slow ledger has taken it", async (t) => {
    const { clock, quiet, logged, ledger, isOver } = bench(t, { fifo: true });
    ledger.before = async () => await clock.sleep(3_000);
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(2_999);
    assert.deepEqual([logged.of("intake.last_receive").length, isOver()], [1, false]);
    await clock.advance(1);
    assert.equal(isOver(), true);
  });

  test("a stop in a hurry cuts the poll of a FIFO queue though the ledger is silent", async (t) => {
    const { clock, quiet, kill, ledger, isOver } = bench(t, { fifo: true });
    ledger.before = async () => await clock.sleep(10_000);
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(1_000);
    kill.abort();
    await clock.advance(250);
    assert.equal(isOver(), true);
  });

  test("a stop cuts the poll of a FIFO queue just after the running step has ended", async (t) => {
    const { clock, queue, quiet, end, isOver } = bench(t, { fifo: true });
    queue.offer(message("m1"));
    await clock.advance(1_000);
    quiet.stop();
    await clock.advance(1_000);
    assert.equal(queue.received.at(-1)?.options.cut?.aborted, false);
    await end("m1");
    await clock.advance(250);
    assert.deepEqual([queue.received.at(-1)?.options.cut?.aborted, isOver()], [true, true]);
  });

  test("a stop logs how long it waits for the poll of a standard queue", async (t) => {
    const { clock, quiet, logged } = bench(t);
    await clock.advance(5_000);
    quiet.stop();
    await clock.advance(0);
    const [said, ...more] = logged.of("intake.last_receive");
    assert.deepEqual([said?.["waitMs"], more], [waitMs - 5_000, []]);
    assert.match(said?.message ?? "", /^waiting up to 15 s for the last receive, .* a second signal ends the wait$/);
  });

  test("a stop that has no time left does not announce that it waits", async (t) => {
    const { clock, quiet, kill, logged } = bench(t);
    await clock.advance(5_000);
    kill.abort();
    quiet.stop();
    await clock.advance(0);
    assert.deepEqual(logged.of("intake.last_receive"), []);
  });

  test("a stop in a hurry cuts the poll just after the running message is given back, which the poll would hide", async (t) => {
    const { clock, queue, quiet, kill, end, isOver } = bench(t);
    queue.offer(message("m1"));
    await clock.advance(1_000);
    quiet.stop();
    kill.abort();
    await clock.advance(1_000);
    assert.equal(queue.received.at(-1)?.options.cut?.aborted, false);
    await end("m1", "released");
    await clock.advance(250);
    assert.deepEqual([queue.received.at(-1)?.options.cut?.aborted, isOver()], [true, true]);
  });

  test("a stop waits for running steps", async (t) => {
    const { clock, queue, quiet, end, isOver } = bench(t, { slots: 1 });
    queue.offer(message("m1"));
    await clock.advance(0);
    quiet.stop();
    await clock.advance(600_000);
    assert.equal(isOver(), false);
    await end("m1");
    assert.equal(isOver(), true);
  });

  test("a stop while the intake waits for a slot takes no slot", async (t) => {
    const { clock, queue, quiet, end, slots, asked, isOver } = bench(t, { slots: 1 });
    queue.offer(message("m1"), message("m2"));
    await clock.advance(0);
    quiet.stop();
    await end("m1");
    assert.deepEqual([asked(), slots.busy, isOver()], [[1], 0, true]);
  });
});
