// What a worker does while something that it depends on is down: it receives nothing, buries
// nothing, says why, and comes back by itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import type { FaultScope } from "../../../core/runner/port.ts";
import { blocks, errorInfo, faults, inTurn, succeeds } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench, waitMs } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const minute = 60_000;

type Bench = ReturnType<typeof bench>;

/** Each of these can be taken away and given back; a step meets it and is released. */
const outages: readonly {
  readonly what: string;
  readonly why: string;
  readonly begin: (bench: Bench) => void;
  readonly end: (bench: Bench) => void;
}[] = [
  {
    what: "the ledger",
    why: "ledger under test: connection refused",
    begin: ({ ledger }) => void ledger.down.add("all"),
    end: ({ ledger }) => ledger.down.clear(),
  },
  {
    what: "Dagster's database",
    why: "the Dagster instance cannot be reached: ConnectionError: cannot be run",
    begin: (made) => breakRunner(made, "instance", "ConnectionError"),
    end: mendRunner,
  },
  {
    what: "the step host",
    why: "cannot be run",
    begin: (made) => breakRunner(made, "host", "StepHostLost"),
    end: mendRunner,
  },
];

function breakRunner({ runner }: Bench, scope: FaultScope, errorClass: string): void {
  runner.scripts.set("load", faults(scope, errorClass));
  runner.onProbe = async () => ({ scope, error: errorInfo(errorClass, "cannot be run") });
  runner.onNotice = async () => scope !== "instance";
}

function mendRunner({ runner }: Bench): void {
  runner.scripts.clear();
  runner.onProbe = async () => null;
  runner.onNotice = async () => true;
}

for (const { what, why, begin, end } of outages) {
  describe(`while ${what} is down`, () => {
    test(`a worker without ${what} receives nothing, buries nothing, and says so in one line`, async (t) => {
      const made = bench(t);
      const { clock, queue, logged, worker } = made;
      begin(made);
      queue.offer(about("load"));
      await clock.advance(waitMs); // which ends the poll that was under way already
      const polls = queue.received.length;
      queue.offer(about("load_more"));
      await clock.advance(10 * minute);
      assert.equal(queue.received.length, polls);
      assert.deepEqual([queue.buried, queue.acked], [[], []]);
      assert.deepEqual(logged.messages("intake.closed"), [`not receiving: ${why}`]);
      assert.equal(worker.snapshot().closedBecause, why);
    });

    test(`the step that found ${what} down goes back at no cost, to come again after a while`, async (t) => {
      const made = bench(t);
      const { clock, queue, journal, ledger } = made;
      begin(made);
      queue.offer(about("load"));
      await clock.advance(1_000);
      assert.ok(journal.includes("extend load#1 5000"), journal.join("\n"));
      assert.equal((await ledger.find("run-1:load"))?.starts ?? 0, 0);
    });

    test(`${what} that is down is probed less and less often, and the worker takes steps once it is back`, async (t) => {
      const made = bench(t);
      const { clock, queue, logged, worker } = made;
      begin(made);
      queue.offer(about("load"));
      await clock.advance(10 * minute);
      end(made);
      queue.offer(...["a", "b", "c", "d", "e"].map(about));
      await clock.advance(31_000);
      assert.deepEqual(queue.acked.sort(), ["a#1", "b#1", "c#1", "d#1", "e#1"]);
      assert.match(logged.messages("intake.open").join(), /^receiving again after 6\d\d s$/);
      assert.equal(worker.snapshot().closedBecause, null);
    });
  });
}

describe("a dependency that answers a probe and fails at work", () => {
  test("a dependency that answers a probe and fails at work costs one receive each time, at a growing distance", async (t) => {
    const { clock, queue, runner } = bench(t);
    const steps = Array.from({ length: 40 }, (_, i) => `step_${i}`);
    for (const step of steps) runner.scripts.set(step, faults("instance", "ReadOnlyError"));
    runner.onNotice = async () => false;
    queue.offer(...steps.map(about));
    await clock.advance(0);
    const first = runner.orders.length;
    await clock.advance(3 * minute);
    assert.equal(first, 4);
    assert.ok(runner.orders.length - first < 20, `${runner.orders.length - first} more were received`);
    assert.ok(runner.orders.length - first > 5, "it never tried again");
    const tries = queue.received.slice(1).map(({ options }) => options.max);
    assert.deepEqual(new Set(tries), new Set([1]));
  });
});

describe("meanwhile", () => {
  test("a running step goes on in an outage, keeps its lease, and is settled", async (t) => {
    const { clock, queue, runner } = bench(t);
    runner.scripts.set("long", async (step) => {
      await clock.sleep(5 * minute);
      return await succeeds(step);
    });
    runner.scripts.set("load", faults("instance"));
    runner.onNotice = async () => false;
    runner.onProbe = async () => ({ scope: "instance", error: errorInfo("ConnectionError", "gone") });
    queue.offer(about("long"), about("load"));
    await clock.advance(5 * minute);
    assert.deepEqual(queue.acked, ["long#1"]);
  });

  test("a worker whose slots are all taken logs the outage and its end, too", async (t) => {
    const { clock, queue, runner, ledger, logged, worker } = bench(t, { concurrency: 1 });
    runner.scripts.set("long", blocks);
    queue.offer(about("long"));
    await clock.advance(1_000);
    ledger.down.add("all");
    await clock.advance(30_000);
    assert.equal(worker.snapshot().closedBecause, "ledger under test: connection refused");
    assert.equal(logged.of("intake.closed").length, 1);
    ledger.down.clear();
    await clock.advance(20_000);
    assert.deepEqual([worker.snapshot().closedBecause, logged.of("intake.open").length], [null, 1]);
  });

  test("a stop in an outage is as quick as usual", async (t) => {
    const { clock, queue, ledger, worker, isOver } = bench(t);
    ledger.down.add("all");
    queue.offer(about("load"));
    await clock.advance(minute);
    worker.stop(0);
    await clock.advance(0);
    assert.deepEqual([isOver(), clock.sleeping], [true, 0]);
  });
});

describe("several at once", () => {
  test("several outages at once are all reported, and the worker opens when the last is over", async (t) => {
    const { clock, queue, runner, ledger, logged, worker } = bench(t);
    runner.scripts.set("load", faults("instance", "ConnectionError"));
    runner.onNotice = async () => false;
    runner.onProbe = async () => ({ scope: "instance", error: errorInfo("ConnectionError", "cannot be run") });
    queue.offer(about("load"));
    await clock.advance(0);
    runner.down = "the step host ended (signal SIGKILL)";
    await clock.advance(1_000);
    const instance = "the Dagster instance cannot be reached: ConnectionError: cannot be run";
    assert.equal(worker.snapshot().closedBecause, `the step host ended (signal SIGKILL); ${instance}`);
    assert.deepEqual(
      logged.of("intake.closed").map(({ causes }) => causes),
      ["instance", "host instance"],
    );
    runner.down = null;
    await clock.advance(minute);
    assert.equal(worker.snapshot().closedBecause, instance);
    assert.deepEqual(logged.of("intake.open"), []);
    runner.onProbe = async () => null;
    await clock.advance(minute);
    assert.deepEqual([worker.snapshot().closedBecause, logged.of("intake.open").length], [null, 1]);
    assert.equal(ledger.down.size, 0);
  });
});

describe("code that cannot be imported", () => {
  const lost = faults("location", "ModuleNotFoundError");

  test("code that cannot be imported by some steps stops only those, for a while each", async (t) => {
    const { clock, queue, runner, journal, worker } = bench(t, { concurrency: 1 });
    for (const step of ["bad_1", "bad_2", "bad_3", "bad_4"]) runner.scripts.set(step, lost);
    queue.offer(...["bad_1", "bad_2", "good_1", "bad_3", "bad_4", "good_2"].map(about));
    await clock.advance(1_000);
    assert.deepEqual(queue.acked, ["good_1#1", "good_2#1"]);
    assert.equal(worker.snapshot().closedBecause, null);
    for (const step of ["bad_1", "bad_2", "bad_3", "bad_4"]) {
      assert.ok(journal.includes(`abandon run-1:${step} start given back`), step);
      assert.ok(journal.includes(`extend ${step}#1 5000`), step);
    }
    assert.deepEqual(queue.buried, []);
  });

  test("code that three steps in a row cannot import closes the intake until a probe of the last one's run passes", async (t) => {
    const { clock, queue, runner, worker } = bench(t, { concurrency: 1 });
    for (const step of ["bad_1", "bad_2", "bad_3"]) runner.scripts.set(step, lost);
    runner.onProbe = async () => ({ scope: "location", error: errorInfo("ModuleNotFoundError", "No module 'etl'") });
    queue.offer(...["bad_1", "bad_2", "bad_3", "good"].map(about));
    await clock.advance(5 * minute);
    const why = "the code of the steps cannot be imported: ModuleNotFoundError: No module 'etl'";
    assert.equal(worker.snapshot().closedBecause, why);
    assert.deepEqual([queue.acked, queue.buried, new Set(runner.probes)], [[], [], new Set(["run-1"])]);
    runner.onProbe = async () => null;
    await clock.advance(31_000);
    assert.deepEqual([queue.acked, worker.snapshot().closedBecause], [["good#1"], null]);
  });
});

test("a step that fails, or whose process dies, is not an outage", async (t) => {
  const { clock, queue, runner, logged } = bench(t);
  runner.scripts.set("load", inTurn(faults("step", "StepProcessDied")));
  queue.offer(about("load"));
  await clock.advance(minute);
  assert.deepEqual(logged.of("intake.closed"), []);
});

test("a full disk and a denied queue are a line each for what fails, however many steps meet them and however long", async (t) => {
  const { clock, queue, ledger, runner, logged } = bench(t);
  const steps = Array.from({ length: 40 }, (_, i) => `step_${i}`);
  for (const step of steps) {
    runner.scripts.set(step, async (process) => {
      await clock.sleep(5_000);
      return await succeeds(process);
    });
  }
  queue.offer(...steps.map(about));
  await clock.advance(1_000);
  // Reads, and so probes, go on.
  for (const call of ["claim", "renew", "permit", "settle", "abandon"] as const) ledger.down.add(call);
  const denied = new Fault("TQ_QUEUE_DENIED", "AWS does not allow ChangeMessageVisibility on the queue q");
  queue.onExtend = async () => Promise.reject(denied);
  await clock.advance(30 * minute);
  const alarming = logged.all.filter(({ level }) => level === "warn" || level === "error");
  const counts: Record<string, number> = {};
  for (const { event } of alarming) counts[event] = (counts[event] ?? 0) + 1;
  // Of the leases that four running steps lost each is a line of its own.
  assert.deepEqual(counts, { "intake.closed": 1, "ledger.unreachable": 1, "lease.renew_failed": 1, "lease.lost": 4 });
  ledger.down.clear();
  queue.offer(about("later"));
  await clock.advance(10 * minute);
  assert.match(
    logged.messages("outage.over").join("\n"),
    /^the ledger works again after 1[78]\d\d s, in which it failed \d+ time/m,
  );
});
