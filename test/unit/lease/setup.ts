// A lease keeper on a manual clock, over a queue and a ledger that a test can hold up or take away.
import type { TestContext } from "node:test";
import type { Clock } from "../../../core/clock.ts";
import type { LeaseSettings } from "../../../core/lease/lease.ts";
import { LeaseKeeper } from "../../../core/lease/lease-keeper.ts";
import type { Hold } from "../../../core/ledger/port.ts";
import { Outages } from "../../../core/outages.ts";
import { idempotencyKey } from "../../../core/step/step.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { WatchedLedger } from "../../support/ledger/watched-ledger.ts";
import { Observations } from "../../support/observations.ts";
import { FakeQueue } from "../../support/ports/fake-queue.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";

export const leaseMs = 60_000;
export const killMarginMs = 5_000;
/** How long the adapter of Postgres waits for an answer, with this lease. */
export const answerMs = 5_000;
export const minute = 60_000;
export const hour = 60 * minute;

/** As a test may want it otherwise. */
interface Changes extends Partial<LeaseSettings> {
  /** The keeper's own view of the clock. */
  readonly through?: (clock: ManualClock) => Clock;
}

/**
 * A started keeper that ends with the test. With `chance` 0 it extends visibility every 16 s and
 * renews claims every 12 s; just below 1, every 20 s and every 15 s.
 */
export function bench(t: TestContext, chance = 0, { through = (clock) => clock, ...settings }: Changes = {}) {
  const clock = new ManualClock();
  const queue = new FakeQueue(clock);
  const ledger = new WatchedLedger(new MemoryLedger({ clock, writeBoundMs: 5_000 }));
  const logged = new Observations();
  const outages = new Outages({ clock, observe: logged.observe });
  const ports = { queue, ledger, clock: through(clock), observe: logged.observe, outages, chance: () => chance };
  const keeper = new LeaseKeeper(ports, { leaseMs, killMarginMs, ...settings });
  void keeper.start();
  t.after(async () => {
    const stopped = keeper.stop();
    await clock.advance(hour); // what a test holds up answers now
    await stopped;
  });

  const receive = (id = "m1") => keeper.hold(message(id, { body: bodyFor(id) }), clock.monoMs());

  /** As the executor claims: the lease counts from just before the ledger was asked. */
  const claim = async (id: string, owner = "worker-a"): Promise<Hold> => {
    const step = { runId: "run-1", stepKey: id, attempt: 0 };
    const key = idempotencyKey(step);
    const asked = { key, step, owner, leaseMs, messageId: id, payloadDigest: "", receivedAtMs: clock.wallMs() };
    const answer = await ledger.claim(asked);
    if (answer.kind !== "granted") throw new Error(`expected ${key} to be granted, got ${JSON.stringify(answer)}`);
    return { key, fence: answer.fence };
  };

  const receiveAndClaim = async (id = "m1") => {
    const lease = receive(id);
    const hold = await claim(id);
    lease.granted(hold, clock.monoMs());
    return { lease, hold };
  };

  return { clock, queue, ledger, logged, keeper, receive, claim, receiveAndClaim };
}
