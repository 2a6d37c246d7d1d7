// A whole worker on a manual clock: everything in `core/worker/worker.ts` is real, queue and runner
// are fakes, the ledger is in memory.
import type { TestContext } from "node:test";
import { Bugs } from "../../../core/bugs.ts";
import { defaultPolicy } from "../../../core/delivery/policy.ts";
import type { WorkerQueue } from "../../../core/intake/lane.ts";
import type { Queue } from "../../../core/queue/port.ts";
import { isFifo } from "../../../core/queue/sqs/context.ts";
import { TaskProtection } from "../../../core/worker/protection/task-protection.ts";
import { Worker, type WorkerSettings } from "../../../core/worker/worker.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { WatchedLedger } from "../../support/ledger/watched-ledger.ts";
import { Observations } from "../../support/observations.ts";
import { FakeAgent } from "../../support/ports/fake-agent.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { FakeRunner } from "../../support/ports/fake-runner.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";

export const waitMs = 20_000;

/** Another queue than the first: its name, weight and limit. */
type Other = Omit<WorkerQueue, "queue">;

interface Beside {
  readonly others?: readonly Other[];
  /** How long an agent is asked to spare it. `null` means that it has no agent. */
  readonly protectMs?: number | null;
  /** Stands between the worker and each queue. */
  readonly watch?: (queue: Queue, clock: ManualClock) => Queue;
}

export function bench(t: TestContext, settings: Partial<WorkerSettings> = {}, beside: Beside = {}) {
  const clock = new ManualClock();
  const journal: string[] = [];
  const write = (line: string) => void journal.push(line);
  const queue = new FakeQueue(clock, write);
  const ledger = new WatchedLedger(new MemoryLedger({ clock, writeBoundMs: 5_000 }), write);
  const runner = new FakeRunner(write);
  runner.down = null;
  const logged = new Observations();
  const others = (beside.others ?? []).map((other) => ({
    ...other,
    queue: new FakeQueue(clock, write, isFifo(other.name)),
  }));
  const queues = [{ queue, name: "steps", weight: null, most: null }, ...others];
  const agent = new FakeAgent(clock);
  const bugs = new Bugs(logged.observe);
  const common = { clock, observe: logged.observe, bugs, chance: () => 0.5 };
  const { protectMs = null, watch = (queue: Queue) => queue } = beside;
  const protection = protectMs === null ? {} : { protection: new TaskProtection({ ...common, agent }, protectMs) };
  const watched = queues.map((one) => ({ ...one, queue: watch(one.queue, clock) }));
  const ports = { queues: watched, ledger, runner, ...common, ...protection };
  const worker = new Worker(ports, {
    worker: "worker-a",
    concurrency: 4,
    leaseMs: 60_000,
    waitMs,
    policy: defaultPolicy,
    sweepMs: null,
    quietMs: null,
    pruneMs: null,
    ...settings,
  });
  // In a moment: a test first says what queue, ledger and runner are like.
  const running = Promise.resolve().then(() => worker.run());
  bugs.found.addEventListener("abort", () => worker.stop(60_000));
  let over = false;
  void running.then(() => {
    over = true;
  });
  t.after(async () => {
    worker.stop(0);
    await clock.advance(120_000);
    await running;
  });
  return {
    clock,
    journal,
    queue,
    others: others.map((other) => other.queue),
    ledger,
    runner,
    agent,
    logged,
    worker,
    running,
    isOver: () => over,
  };
}
