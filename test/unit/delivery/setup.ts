// An executor on a manual clock: fake queue and runner, a ledger in memory that can be taken away,
// and one journal of everything asked.
import type { TestContext } from "node:test";
import { Seat, Slots } from "../../../core/admission/slots.ts";
import type { ExecutorPorts } from "../../../core/delivery/effects/ports.ts";
import { SenderVersions } from "../../../core/delivery/effects/sender-versions.ts";
import { Executor } from "../../../core/delivery/executor.ts";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import { defaultPolicy, type Policy } from "../../../core/delivery/policy.ts";
import type { Disposition } from "../../../core/delivery/states.ts";
import { LeaseKeeper } from "../../../core/lease/lease-keeper.ts";
import { Outages } from "../../../core/outages.ts";
import type { Message } from "../../../core/queue/port.ts";
import { idempotencyKey } from "../../../core/step/step.ts";
import { Notices } from "../../../core/worker/notices.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { WatchedLedger } from "../../support/ledger/watched-ledger.ts";
import { Observations } from "../../support/observations.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { FakeRunner } from "../../support/ports/fake-runner.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";
import { message } from "../../support/sqs/messages.ts";

export const leaseMs = 60_000;
export const writeBoundMs = 5_000;
const minute = 60_000;

export function bench(t: TestContext, policy: Partial<Policy> = {}, more: Partial<ExecutorPorts> = {}) {
  const clock = new ManualClock();
  const journal: string[] = [];
  const write = (line: string) => void journal.push(line);
  const queue = new FakeQueue(clock, write);
  const store = new MemoryLedger({ clock, writeBoundMs });
  const ledger = new WatchedLedger(store, write);
  const runner = new FakeRunner(write);
  runner.down = null;
  const logged = new Observations();
  const chance = () => 0.5;
  const outages = new Outages({ clock, observe: logged.observe });
  const keeper = new LeaseKeeper(
    { queue, ledger, clock, observe: logged.observe, outages, chance },
    { leaseMs, killMarginMs: 5_000 },
  );
  void keeper.start();
  const quiet = new AbortController();
  const kill = new AbortController();
  const ports: ExecutorPorts = {
    queue,
    ledger,
    runner,
    clock,
    notify: new Notices({ runner, clock, observe: logged.observe }).notify,
    observe: logged.observe,
    outages,
    chance,
    policy: { ...defaultPolicy, ...policy },
    senders: new SenderVersions(),
    copied: new Set(),
    outcomes: noOutcomes(),
    worker: "worker-a",
    leaseMs,
    queueName: "steps.fifo",
    ...more,
  };
  const executor = new Executor(ports, kill.signal);
  const slots = new Slots(1);
  t.after(async () => {
    quiet.abort();
    kill.abort();
    const stopped = keeper.stop();
    await clock.advance(10 * minute);
    await stopped;
  });

  /** Gives the executor a message, in the one slot that there is. */
  const begin = (received: Message = message("m1")): Promise<Disposition> => {
    slots.takeFree(1);
    const seat = new Seat(slots);
    const lease = keeper.hold(received, clock.monoMs());
    const delivery = { lease, receivedAtMs: clock.wallMs(), seat };
    return executor.processDelivery(delivery, quiet.signal).finally(() => seat.leave());
  };

  /** Lets time run until the delivery has met its end, for an hour at most. */
  const finish = async (running: Promise<Disposition>): Promise<Disposition> => {
    let over = false;
    const note = () => {
      over = true;
    };
    running.then(note, note);
    for (const until = clock.monoMs() + 60 * minute; clock.monoMs() < until; await clock.advanceToNext()) {
      await clock.advance(0);
      if (over) break;
    }
    if (!over) throw new Error(`expected the delivery to end, got\n${journal.join("\n")}`);
    return await running;
  };

  const deliver = async (received?: Message) => await finish(begin(received));

  /** Another worker claims the step, and is not heard of again. */
  const claimAs = async (owner: string, stepKey = "load") => {
    const step = { runId: "run-1", stepKey, attempt: 0 };
    const key = idempotencyKey(step);
    const asked = { owner, leaseMs, messageId: "m1", payloadDigest: "", receivedAtMs: clock.wallMs() };
    const claim = await store.claim({ key, step, ...asked });
    if (claim.kind !== "granted") throw new Error(`expected ${key} to be granted, got ${claim.kind}`);
    return { key, fence: claim.fence };
  };

  /** The journal without the leases' own traffic. */
  const deeds = () => journal.filter((line) => !/^(renew|extend \S+ 60000$)/.test(line));

  return {
    clock,
    journal,
    deeds,
    queue,
    ledger,
    store,
    runner,
    logged,
    outcomes: ports.outcomes,
    slots,
    quiet,
    kill,
    begin,
    finish,
    deliver,
    claimAs,
  };
}

export type Bench = ReturnType<typeof bench>;
