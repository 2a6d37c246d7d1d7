// How the sweep looks: without harm to the letters that it leaves, without hammering, one worker at
// a time, and never forever.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../../core/faults.ts";
import { deadLetterAttributes } from "../../../../core/queue/dead-letter-note.ts";
import { blocks } from "../../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../../support/sqs/messages.ts";
import { bench, intervalMs } from "./setup.ts";

const reason = {
  reason: "crash_loop",
  detail: "SIGKILL",
  errorClass: null,
  fingerprint: null,
  starts: 3,
  worker: "worker-b",
} as const;
const burial = { message: message("m"), reason, sourceUrl: "https://queue.example/steps.fifo", buriedAtMs: 0 };
const note = deadLetterAttributes(burial).attributes;

describe("a dead letter that is not the sweep's", () => {
  const bodies: readonly (readonly [string, string, typeof note])[] = [
    ["that a worker buried", bodyFor("load"), note],
    ["of a later version", bodyFor("load", { version: 2 }), {}],
    ["that is not an envelope", "{}", {}],
  ];
  for (const [what, body, attributes] of bodies) {
    test(`the sweep gives back a letter ${what} as it was found`, async (t) => {
      const { deadLetters, start, clock, letters, journal } = bench(t);
      deadLetters.send({ body, groupId: "g", deduplicationId: "d", attributes });
      const before = letters();
      start();
      await clock.advance(intervalMs);
      assert.deepEqual([letters(), journal], [before, []]);
      assert.equal(deadLetters.inspect()[0]?.receiveCount, 1, "it was looked at");
    });
  }

  test("the sweep gives back a letter from another queue as it was found", async (t) => {
    const { moved, theirs, start, clock, journal, letters, deadLetters } = bench(t);
    await moved("load", bodyFor("load"), "g", theirs);
    assert.equal(deadLetters.inspect()[0]?.deadLetterSourceArn, theirs.arn);
    start();
    await clock.advance(intervalMs);
    assert.deepEqual([journal, letters()[0]?.state], [[], "visible"]);
  });
});

describe("looking", () => {
  test("the sweep waits while the circuit is open", async (t) => {
    const { moved, start, clock, deadLetters, circuit, letters } = bench(t);
    for (const step of ["load_1", "load_2"]) await moved(step);
    const before = deadLetters.inspect().map(({ receiveCount }) => receiveCount);
    circuit.open = true;
    start();
    await clock.advance(5 * intervalMs);
    assert.deepEqual(
      deadLetters.inspect().map(({ receiveCount }) => receiveCount),
      before,
    );
    circuit.open = false;
    await clock.advance(intervalMs);
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ["moved_by_sqs", "moved_by_sqs"],
    );
  });

  test("one worker at a time sweeps, and another as soon as that one stops", async (t) => {
    const { moved, start, clock, logged, deadLetters } = bench(t);
    await moved();
    const first = start("worker-a");
    start("worker-b");
    await clock.advance(intervalMs);
    assert.equal(logged.of("sweep.done").length, 1);
    first.quiet.abort();
    await clock.advance(0);
    assert.equal(first.isOver(), true);
    const looks = () => deadLetters.inspect()[0]?.receiveCount;
    assert.equal(looks(), 1);
    await clock.advance(intervalMs);
    assert.equal(looks(), 2);
  });

  test("the sweep looks once for each change, and otherwise every 15 intervals", async (t) => {
    const { moved, start, clock, deadLetters } = bench(t);
    deadLetters.send({ body: "theirs", groupId: "g", deduplicationId: "d" });
    const looks = () => deadLetters.inspect()[0]?.receiveCount;
    start();
    await clock.advance(15 * intervalMs);
    assert.equal(looks(), 1);
    await clock.advance(intervalMs);
    assert.equal(looks(), 2);
    await moved();
    await clock.advance(intervalMs);
    assert.equal(looks(), 3);
  });

  test("a sweep through many letters takes all in one pass, gives them back, and rests in proportion", async (t) => {
    const { start, clock, deadLetters, logged, letters } = bench(t);
    for (let i = 0; i < 1_000; i += 1) {
      deadLetters.send({ body: bodyFor("load"), groupId: `g${i}`, deduplicationId: `d${i}`, attributes: note });
    }
    start();
    await clock.advance(1.5 * intervalMs);
    assert.deepEqual(logged.messages("sweep.done"), ["looked at 1000 dead letters, ended 0 that SQS itself had moved"]);
    assert.ok(letters().every(({ state }) => state === "visible"));
    deadLetters.send({ body: "theirs", groupId: "g", deduplicationId: "d" });
    await clock.advance(0.6 * intervalMs);
    assert.equal(logged.of("sweep.done").length, 1, "100 seconds of rest");
    await clock.advance(intervalMs);
    assert.equal(logged.of("sweep.done").length, 2);
  });

  test("the sweep finds one moved letter among many others", async (t) => {
    const { moved, start, clock, deadLetters, rowOf } = bench(t);
    for (let i = 0; i < 500; i += 1) {
      deadLetters.send({ body: bodyFor("other"), groupId: `o${i}`, deduplicationId: `o${i}`, attributes: note });
    }
    await moved();
    start();
    await clock.advance(intervalMs);
    assert.deepEqual(await rowOf(), ["dead", "reported"]);
  });

  test("the sweep tries a few letters and gives up for now while none can be reported, and loses none", async (t) => {
    const { moved, start, clock, runner, letters, rowOf, circuit } = bench(t, { fifo: false });
    const steps = Array.from({ length: 40 }, (_, i) => `step_${i}`);
    for (const step of steps) await moved(step);
    runner.down = "the step host ended (signal SIGKILL)";
    // The first report that fails opens the breaker.
    Object.defineProperty(circuit, "open", { get: () => runner.down !== null && runner.reports.length > 0 });
    start();
    await clock.advance(intervalMs);
    assert.equal(runner.reports.length, 10);
    runner.down = null;
    await clock.advance(30 * intervalMs);
    for (const step of steps) assert.deepEqual(await rowOf(step), ["dead", "reported"], step);
    assert.ok(letters().every(({ reason }) => reason === "moved_by_sqs"));
    assert.equal(letters().length, 40);
  });
});

describe("a sweep that cannot look", () => {
  test("a sweep without a dead letter queue ends", async (t) => {
    const made = bench(t);
    made.queue.deadLetters = async () => null;
    const { isOver } = made.start();
    await made.clock.advance(intervalMs);
    assert.deepEqual([isOver(), made.logged.all], [true, []]);
  });

  test("a sweep of a dead letter queue with a redrive policy does not look", async (t) => {
    const { moved, start, clock, logged, deadLetters } = bench(t, { dlqRedrives: true });
    await moved();
    const { isOver } = start();
    await clock.advance(intervalMs);
    assert.equal(isOver(), true);
    assert.deepEqual(logged.messages("sweep.off"), [
      `the sweep does not look through ${deadLetters.arn}, so runs may wait forever for steps that SQS moves there: it has a redrive policy of its own, which moves on the letters that are looked at`,
    ]);
    assert.equal(deadLetters.inspect().length, 1);
  });

  for (const [when, from] of [
    ["when it begins", "open"],
    ["later, as when credentials expire", "depth"],
  ] as const) {
    test(`a sweep that is denied, ${when}, says so once, and looks again when it is allowed`, async (t) => {
      const { moved, start, clock, logged, faults, rowOf } = bench(t);
      await moved();
      faults[from] = new Fault("TQ_QUEUE_DENIED", "ReceiveMessage on dead.fifo: access denied");
      start();
      await clock.advance(100 * intervalMs);
      assert.deepEqual(logged.shown("sweep.failed"), [
        "could not look through the dead letter queue: ReceiveMessage on dead.fifo: access denied; tried again every 10m",
      ]);
      faults[from] = null;
      await clock.advance(10 * intervalMs);
      assert.deepEqual(await rowOf(), ["dead", "reported"]);
    });
  }

  test("a sweep that is denied again after it was allowed is logged again", async (t) => {
    const { start, clock, logged, faults, asked } = bench(t);
    const denied = new Fault("TQ_QUEUE_DENIED", "access denied");
    faults.depth = denied;
    start();
    await clock.advance(30 * intervalMs);
    assert.equal(asked.depth, 3);
    faults.depth = null;
    await clock.advance(15 * intervalMs);
    faults.depth = denied;
    await clock.advance(15 * intervalMs);
    assert.equal(logged.shown("sweep.failed").length, 2);
    assert.deepEqual(logged.messages("outage.over"), [
      "the sweep works again after 1800 s, in which it failed 3 times",
    ]);
  });

  test("a sweep that cannot reach SQS tries again", async (t) => {
    const { moved, start, clock, logged, faults, rowOf } = bench(t);
    await moved();
    faults.open = new Fault("TQ_QUEUE", "connect ETIMEDOUT");
    start();
    await clock.advance(2 * intervalMs);
    assert.equal(logged.of("sweep.failed").length, 2);
    faults.open = null;
    await clock.advance(intervalMs);
    assert.deepEqual(await rowOf(), ["dead", "reported"]);
  });

  test("a sweep without the ledger claims nothing and reports nothing", async (t) => {
    const { moved, start, clock, ledger, runner, letters } = bench(t);
    await moved();
    ledger.down.add("all");
    start();
    await clock.advance(2 * intervalMs);
    assert.deepEqual([runner.reports, letters().map(({ state }) => state)], [[], ["visible"]]);
  });
});

describe("a sweep that stops", () => {
  test("a sweep that stops during a report kills it, and gives back its letters", async (t) => {
    const { moved, start, clock, runner, letters, kill, rowOf } = bench(t);
    for (const step of ["a", "b", "c"]) await moved(step);
    runner.onReport = blocks;
    const { quiet, isOver } = start();
    await clock.advance(intervalMs);
    assert.deepEqual(
      letters().map(({ state }) => state),
      ["in_flight", "in_flight", "in_flight"],
    );
    quiet.abort();
    kill.abort();
    await clock.advance(0);
    assert.deepEqual([isOver(), clock.sleeping], [true, 0]);
    assert.deepEqual(
      letters().map(({ state }) => state),
      ["visible", "visible", "visible"],
    );
    assert.deepEqual([await rowOf("a"), await rowOf("b")], [["pending", null], null]);
  });

  test("a sweep that stops before its first look ends at once", async (t) => {
    const { start, clock } = bench(t);
    const { quiet, isOver } = start();
    quiet.abort();
    await clock.advance(0);
    assert.deepEqual([isOver(), clock.sleeping], [true, 0]);
  });
});
