// An intake on a manual clock over a queue that a test fills; each delivery ends when and how the
// test says.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Quiet } from "../../../core/admission/quiet.ts";
import { Share, Slots } from "../../../core/admission/slots.ts";
import { Bugs } from "../../../core/bugs.ts";
import { Breaker } from "../../../core/circuit/breaker.ts";
import { QueueGate } from "../../../core/circuit/queue-gate.ts";
import type { Received } from "../../../core/delivery/delivery.ts";
import type { Disposition } from "../../../core/delivery/states.ts";
import { Intake } from "../../../core/intake/intake.ts";
import { Lane } from "../../../core/intake/lane.ts";
import { LeaseKeeper } from "../../../core/lease/lease-keeper.ts";
import { Outages } from "../../../core/outages.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { WatchedLedger } from "../../support/ledger/watched-ledger.ts";
import { Observations } from "../../support/observations.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";

export const waitMs = 20_000;
export const visibilityMs = 60_000;

interface UnderWay {
  readonly received: Received;
  readonly end: PromiseWithResolvers<Disposition>;
}

export function bench(t: TestContext, { slots: total = 4, closed = null as string | null, fifo = false } = {}) {
  const clock = new ManualClock();
  const journal: string[] = [];
  const queue = new FakeQueue(clock, (line) => void journal.push(line), fifo);
  const logged = new Observations();
  const slots = new Slots(total, () => intake.wake());
  const chance = () => 0.5;
  const ledger = new WatchedLedger(new MemoryLedger({ clock, writeBoundMs: 5_000 }), (line) => void journal.push(line));
  const outages = new Outages({ clock, observe: logged.observe });
  const leases = new LeaseKeeper(
    { queue, ledger, clock, observe: logged.observe, outages, chance },
    { leaseMs: visibilityMs, killMarginMs: 5_000 },
  );
  const stopped = new AbortController();
  const quiet = new Quiet(stopped.signal);
  const gate = { closed };
  const breaker = new Breaker(
    {
      ledger: { ping: async () => undefined },
      runner: { broken: () => null, unavailable: () => gate.closed, probe: async () => null },
      clock,
      observe: logged.observe,
      bugs: new Bugs(logged.observe),
      chance,
    },
    stopped.signal,
  );
  const underWay = new Map<string, UnderWay>();
  const begun: string[] = [];

  /** How long deliveries take that end by themselves. `null` means that a test ends them. */
  let takenMs: number | null = null;
  const takesMs = (ms: number) => {
    takenMs = ms;
  };

  const processDelivery = async (received: Received): Promise<Disposition> => {
    const { id } = received.lease.message;
    const end = Promise.withResolvers<Disposition>();
    begun.push(id);
    if (takenMs !== null) {
      await clock.sleep(takenMs);
      return "acked";
    }
    underWay.set(id, { received, end });
    return await end.promise;
  };
  const queueGate = new QueueGate({ breaker, quiet, clock, observe: logged.observe, chance }, null, stopped.signal);
  const outOf = () => assert.fail("the intake sweeps nothing");
  const lane = new Lane({
    queue,
    label: "steps",
    weight: null,
    slots: new Share(slots, total),
    quiet,
    gate: queueGate,
    leases,
    executor: { processDelivery, outOf },
    clock,
    observe: logged.observe,
    outages,
  });
  const bugs = new Bugs(logged.observe);
  const kill = new AbortController();
  const { cutReceives } = ledger;
  const ports = { lanes: [lane], slots, breaker, clock, bugs, cutReceives, kill: kill.signal };
  const intake = new Intake(ports, { waitMs, leaseMs: visibilityMs }, stopped.signal);
  // In a moment: a test first says what the queue is like.
  const running = Promise.resolve().then(() => intake.run());
  let over = false;
  void running.then(() => {
    over = true;
  });

  /** Ends one delivery; what follows from it has happened when this resolves. */
  const end = async (id: string, disposition: Disposition | Error = "acked") => {
    const found = underWay.get(id);
    if (found === undefined) throw new Error(`expected ${id} to be under way, got ${[...underWay.keys()].join(", ")}`);
    underWay.delete(id);
    if (disposition instanceof Error) found.end.reject(disposition);
    else found.end.resolve(disposition);
    await clock.advance(0);
  };

  /** What a poll was allowed to fetch, poll by poll. */
  const asked = () => queue.received.map(({ options }) => options.max);

  t.after(async () => {
    stopped.abort();
    for (const id of underWay.keys()) await end(id);
    await clock.advance(60_000 + (takenMs ?? 0));
    await running;
  });

  const isOver = () => over;
  return {
    clock,
    queue,
    ledger,
    journal,
    logged,
    slots,
    quiet: { stop: () => stopped.abort() },
    kill,
    lane,
    intake,
    gate,
    breaker,
    begun,
    underWay,
    end,
    takesMs,
    asked,
    running,
    isOver,
  };
}
