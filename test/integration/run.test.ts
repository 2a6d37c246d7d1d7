// One delivery through the executor, with a queue that only takes notes, a ledger in memory, and
// real steps in a real Dagster.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Bugs } from "../../core/bugs.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import type { Message } from "../../core/queue/port.ts";
import type { StepOrder } from "../../core/runner/port.ts";
import { toWire } from "../../core/step/envelope.ts";
import { idempotencyKey } from "../../core/step/step.ts";
import { Worker } from "../../core/worker/worker.ts";
import { type DagsterHost, orderOf, startDagsterHost } from "../support/dagster/dagster-host.ts";
import { eventually } from "../support/eventually.ts";
import { WatchedLedger } from "../support/ledger/watched-ledger.ts";
import { Observations } from "../support/observations.ts";
import { FakeQueue } from "../support/ports/fake-queue.ts";
import { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { fifoMessage } from "../support/sqs/messages.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";

const leaseMs = 6_000;
const writeBoundMs = 1_000;

describe("a delivery", () => {
  let deployment: Deployment;
  let host: DagsterHost;
  let journal: string[];
  let queue: FakeQueue;
  let store: MemoryLedger;
  let ledger: WatchedLedger;
  let logged: Observations;

  before(async () => {
    deployment = await Deployment.open();
    host = await startDagsterHost(deployment);
  });
  beforeEach(() => {
    journal = [];
    const write = (line: string) => void journal.push(line);
    queue = new FakeQueue(systemClock, write);
    store = new MemoryLedger({ clock: systemClock, writeBoundMs });
    ledger = new WatchedLedger(store, write);
    logged = new Observations();
  });
  afterEach((t) => deployment.explain(t));
  after(async () => {
    await host.runner.stop();
    await deployment.close();
  });

  test("a delivery is permitted, then in Dagster's log, then settled, then acked", async () => {
    const order = await orderOf(deployment, "one_success", "succeed");
    const seen: Record<string, readonly string[]> = {};
    ledger.before = async (method) => {
      seen[method] ??= await terminal(order);
    };
    queue.onAck = async (receipts) => {
      seen["ack"] = await terminal(order);
      return receipts.map(() => "done");
    };
    await work(messageOf(order));
    const key = idempotencyKey(order.envelope);
    assert.deepEqual(deeds(), [`claim ${key}`, `permit ${key}`, `settle ${key} success`, "ack m1#1"]);
    const recorded = ["STEP_SUCCESS"];
    // On a machine that is slow enough, the lease was renewed as well.
    delete seen["renew"];
    assert.deepEqual(seen, { claim: [], permit: [], settle: recorded, ack: recorded });
  });

  test("a delivery whose step fails is settled and acked all the same, with the traceback", async () => {
    const order = await orderOf(deployment, "one_failure", "read_barometer");
    await work(messageOf(order));
    const row = await store.find(idempotencyKey(order.envelope));
    assert.equal(row?.state, "failed");
    assert.match(row?.outcome?.error?.traceback ?? "", /BarometerError: the barometer reads 'low', expected hPa/);
    assert.deepEqual(queue.acked, ["m1#1"]);
    assert.deepEqual(queue.buried, []);
  });

  test("a delivery whose ledger cannot be reached for a while keeps its outcome until it can", async () => {
    const order = await orderOf(deployment, "one_success", "succeed");
    ledger.down.add("settle");
    const working = work(messageOf(order));
    await eventually("settling fails", () => logged.of("ledger.unreachable").length > 1);
    assert.deepEqual([queue.acked, await terminal(order)], [[], ["STEP_SUCCESS"]]);
    ledger.down.clear();
    await working;
    assert.deepEqual(queue.acked, ["m1#1"]);
    assert.equal((await store.find(idempotencyKey(order.envelope)))?.state, "completed");
  });

  test("a delivery that loses its lease is killed in time, writes nothing and acks nothing", async () => {
    const files = deployment.files();
    const order = await orderOf(deployment, "waits_for_file", "wait", {
      ops: { wait: { config: { started: files.started, release: files.release } } },
    });
    const working = work(messageOf(order));
    await announced(files.started);
    ledger.down.add("all");
    await working;
    assert.equal(logged.of("lease.lost").length, 1);
    assert.equal(host.processes(), 0);
    const row = await store.find(idempotencyKey(order.envelope));
    assert.ok((row?.leaseExpiresAtMs ?? 0) > systemClock.wallMs(), "it was dead before anyone else could claim");
    assert.deepEqual([await terminal(order), queue.acked, queue.buried], [[], [], []]);
  });

  test("a delivery of a FIFO group waits for the one before it", async () => {
    const files = deployment.files();
    const first = await orderOf(deployment, "waits_for_file", "wait", {
      ops: { wait: { config: { started: files.started, release: files.release } } },
    });
    const second = await orderOf(deployment, "one_success", "succeed");
    const working = work(messageOf(first), messageOf(second, "m2"));
    await announced(files.started);
    assert.equal(await store.find(idempotencyKey(second.envelope)), null);
    writeFileSync(files.release, "");
    await working;
    const ends = deeds().filter((deed) => deed.startsWith("ack") || deed.startsWith("claim"));
    const [one, two] = [first, second].map(({ envelope }) => idempotencyKey(envelope));
    assert.deepEqual(ends, [`claim ${one}`, "ack m1#1", `claim ${two}`, "ack m2#1"]);
  });

  /**
   * Takes these messages, of one group, through a worker that stops when all have met their end.
   */
  async function work(...messages: readonly Message[]): Promise<void> {
    const queues = [{ queue, name: "steps", weight: null, most: null }];
    const { observe } = logged;
    const common = { clock: systemClock, observe, bugs: new Bugs(observe), chance: () => 0.5 };
    const ports = { queues, ledger, runner: host.runner, ...common };
    const worker = new Worker(ports, {
      worker: "worker-1",
      concurrency: 2,
      leaseMs,
      waitMs: 200,
      policy: defaultPolicy,
      sweepMs: null,
      quietMs: null,
      pruneMs: null,
    });
    const running = worker.run();
    queue.offer(...messages);
    await eventually("every delivery has met its end", () => {
      const { ended } = worker.snapshot();
      return Object.values(ended).reduce((sum, count) => sum + count) === messages.length;
    });
    worker.stop(0);
    await running;
  }

  function messageOf({ envelope }: StepOrder, id = "m1"): Message {
    return fifoMessage(id, "group", { body: JSON.stringify(toWire(envelope)) });
  }

  /** The journal without the leases' own traffic. */
  function deeds(): readonly string[] {
    return journal.filter((line) => !/^(renew|extend)/.test(line));
  }

  async function terminal({ envelope }: StepOrder): Promise<readonly string[]> {
    return (await deployment.dagster.terminalEvents(envelope.runId)).map(({ type }) => type);
  }
});
