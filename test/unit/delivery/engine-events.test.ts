// The engine events about a delivery in its run's log. No delivery waits for them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blocks, crashes, faults } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, leaseMs } from "./setup.ts";

const about = { worker: "worker-a", message_id: "m1", receive_count: 3, attempt: 0, starts: 1 };
const third = message("m1", { receiveCount: 3 });
const died = { error_class: "StepProcessDied", error_message: "the step process was killed by SIGSEGV" };

describe("the run's log", () => {
  test("the run's log says who gave a step back, for how long, and why", async (t) => {
    const { runner, deliver } = bench(t);
    runner.scripts.set("load", crashes);
    await deliver(third);
    assert.deepEqual(runner.notices, [
      {
        runId: "run-1",
        stepKey: "load",
        level: "warning",
        message: "Step goes back to the queue for 500 ms: StepProcessDied: the step process was killed by SIGSEGV",
        metadata: { ...about, ...died },
      },
    ]);
  });

  test("the run's log says what was missing for a step that could not run", async (t) => {
    const { runner, deliver } = bench(t);
    runner.scripts.set("load", faults("location", "ModuleNotFoundError"));
    await deliver(third);
    const [notice] = runner.notices;
    assert.equal(notice?.message, "Step goes back to the queue for 5 s: ModuleNotFoundError: cannot be run");
    assert.equal(notice?.metadata["error_class"], "ModuleNotFoundError");
  });

  test("the run's log has no error for a step that was only interrupted", async (t) => {
    const { runner, begin, finish, clock, kill } = bench(t);
    runner.scripts.set("load", blocks);
    const running = begin(third);
    await clock.advance(1_000);
    kill.abort();
    await finish(running);
    assert.equal(
      runner.notices[0]?.message,
      "Step goes back to the queue at once: interrupted before it had an outcome",
    );
    assert.deepEqual(runner.notices[0]?.metadata, about);
  });

  test("the run's log says whose step was taken over, and how it ended", async (t) => {
    const { runner, deliver, clock, claimAs } = bench(t, { maxStarts: 1 });
    await claimAs("worker-b");
    await clock.advance(leaseMs);
    await deliver(third);
    const [notice] = runner.notices;
    assert.equal(
      notice?.message,
      "Message moved to the dead letter queue (crash_loop): started 1 times without an outcome; the budget is 1",
    );
    assert.deepEqual(
      [notice?.level, notice?.metadata],
      ["error", { ...about, starts: 2, taken_over_from: "worker-b" }],
    );
  });

  test("the run's log has the error that made a dead letter", async (t) => {
    const { runner, deliver } = bench(t, { maxStarts: 1 });
    runner.scripts.set("load", crashes);
    await deliver(third);
    const [notice] = runner.notices;
    assert.match(notice?.message ?? "", /^Message moved to the dead letter queue \(step_fault\): StepProcessDied/);
    assert.deepEqual(notice?.metadata, { ...about, ...died });
  });

  test("the run's log has the command for a parked step, also when an earlier delivery parked it", async (t) => {
    const { runner, deliver, logged, queue } = bench(t, { maxStarts: 1, onExhausted: "park" });
    runner.scripts.set("load[eu]", crashes);
    const body = bodyFor("load[eu]", { retry_count: 2 });
    queue.bury = async () => await Promise.reject(new Error("no route"));
    await deliver(message("m1", { body }));
    queue.bury = async () => undefined;
    await deliver(message("m1", { body, receiveCount: 2 }));
    const which = "--queue-name steps.fifo --run run-1 --step 'load[eu] #2'";
    const advice =
      `It is parked: its run waits until you put it back, with taskiq replay ${which} --yes --why "your reason", ` +
      `or let it fail, with taskiq fail ${which} --yes --why "your reason"`;
    const parked = runner.notices.filter(({ message: said }) => said.startsWith("Message moved"));
    assert.deepEqual(
      parked.map(({ message: said }) => said.slice(-advice.length)),
      [advice],
    );
    assert.ok(logged.messages("dead_letter.buried")[0]?.endsWith(advice));
  });

  test("the run's log says so when a step could not be given back", async (t) => {
    const { runner, deliver, queue } = bench(t);
    runner.scripts.set("load", crashes);
    queue.extend = async () => await Promise.reject(new Error("no route"));
    await deliver(third);
    const [notice] = runner.notices;
    assert.match(notice?.message ?? "", /^Step goes back to the queue until its visibility ends: StepProcessDied/);
  });

  test("the run's log names an invalid tag once for the attempt, as the worker's log does", async (t) => {
    const { runner, deliver, logged } = bench(t);
    runner.scripts.set("load", crashes);
    const body = bodyFor("load", { tags: { "taskiq/max_starts": "many" } });
    const said = ['tag taskiq/max_starts: expected a whole number from 1 to 1000, got "many"; ignored'];
    for (const receiveCount of [1, 2]) await deliver(message("m1", { receiveCount, body }));
    assert.deepEqual(logged.messages("step.tag_ignored"), said);
    const notices = runner.notices.filter((notice) => notice.message.startsWith("tag "));
    assert.deepEqual(
      notices.map(({ level, message }) => [level, message]),
      [["warning", ...said]],
    );
  });
});

describe("a run's log that cannot be written", () => {
  test("a run's log that cannot be written changes no delivery", async (t) => {
    const { runner, deliver, clock, deeds } = bench(t, { maxStarts: 2 });
    runner.scripts.set("load", crashes);
    runner.onNotice = async () => await new Promise<boolean>(() => undefined);
    assert.equal(await deliver(message("m1")), "released");
    assert.equal(await deliver(message("m1", { receiveCount: 2 })), "buried");
    assert.equal(clock.monoMs(), 0);
    assert.equal(deeds().at(-1), "ack m1#2");
  });

  test("an engine event that cannot be written goes to the worker's own log", async (t) => {
    const { runner, deliver, logged } = bench(t);
    runner.scripts.set("load", crashes);
    runner.onNotice = async () => false;
    await deliver();
    assert.deepEqual(logged.messages("notice.lost"), [
      "engine event not written for step load of run run-1 (it could not be written): " +
        "Step goes back to the queue for 500 ms: StepProcessDied: the step process was killed by SIGSEGV",
    ]);
  });
});
