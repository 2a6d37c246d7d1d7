// A fleet that was started, or lost its ledger, in one moment does not come for it in one moment.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Bugs } from "../../../core/bugs.ts";
import { Breaker } from "../../../core/circuit/breaker.ts";
import { runSweep } from "../../../core/dead-letters/sweep/sweep.ts";
import type { ExecutorPorts } from "../../../core/delivery/effects/ports.ts";
import { Executor } from "../../../core/delivery/executor.ts";
import { Fault } from "../../../core/faults.ts";
import { Outages } from "../../../core/outages.ts";
import type { DeadLetterQueue } from "../../../core/queue/port.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const second = 1_000;
const minute = 60 * second;
const workers = 40;
const observe = () => undefined;

function fleet(t: TestContext) {
  const clock = new ManualClock();
  const stopped = new AbortController();
  /** When the ledger was asked. */
  const asked: number[] = [];
  let drawn = 0;
  /** Evenly spread, and the same each time. */
  const chance = () => {
    drawn += 1;
    return (drawn * 0.618034) % 1;
  };
  t.after(async () => {
    stopped.abort();
    await clock.advance(minute);
  });
  const mostInASecond = (fromMs: number) => {
    const counts = Map.groupBy(
      asked.filter((atMs) => atMs >= fromMs),
      (atMs) => Math.floor(atMs / second),
    );
    return Math.max(0, ...[...counts.values()].map(({ length }) => length));
  };
  return { clock, stopped: stopped.signal, asked, chance, mostInASecond };
}

test("probes of a ledger that is down, and comes back, are spread over the longest backoff", async (t) => {
  const { clock, stopped, asked, chance, mostInASecond } = fleet(t);
  let down = true;
  const ping = async () => {
    asked.push(clock.monoMs());
    if (down) throw new Fault("TQ_LEDGER", "connection refused");
  };
  const runner = { unavailable: () => null, broken: () => null, probe: async () => null };
  const fleetOf = Array.from(
    { length: workers },
    () => new Breaker({ ledger: { ping }, runner, clock, observe, bugs: new Bugs(observe), chance }, stopped),
  );
  for (const breaker of fleetOf) breaker.failed({ cause: "ledger", why: "connection refused" });
  await clock.advance(90 * second);
  const most = mostInASecond(minute);
  assert.ok(most > 0 && most <= workers / 4, `${most} of ${workers} probe in one second`);
  down = false;
  await clock.advance(31 * second);
  assert.ok(
    fleetOf.every((breaker) => breaker.leave() !== null),
    "everyone is back",
  );
  const back = mostInASecond(90 * second);
  assert.ok(back <= workers / 4, `${back} of ${workers} come back in one second`);
});

test("first sweeps of workers that were started together are spread over an interval, and so are those after", async (t) => {
  const { clock, stopped, asked, chance, mostInASecond } = fleet(t);
  const lock = async () => {
    asked.push(clock.monoMs());
    return false;
  };
  const letters = { url: "dead", sourceUrl: "steps", redrives: false } as unknown as DeadLetterQueue;
  const breaker = { mayReport: () => true };
  const outages = new Outages({ clock, observe });
  const ports = {
    ledger: { lock, renew: async () => [] },
    clock,
    observe,
    bugs: new Bugs(observe),
    outages,
    copied: new Set<string>(),
    chance,
    breaker,
    quiet: { signal: stopped },
    // The lock is always another worker's, so no letter is ever ended.
    executor: new Executor({} as ExecutorPorts, stopped),
  };
  const settings = { leaseMs: minute, killMarginMs: second, sweepMs: minute };
  for (let i = 0; i < workers; i += 1) {
    void runSweep(async () => letters, ports, { ...settings, worker: `w${i}` }, stopped);
  }
  await clock.advance(5 * minute);
  assert.ok(asked.length >= 4 * workers, `asked ${asked.length} times`);
  assert.ok(mostInASecond(0) <= 3, `${mostInASecond(0)} of ${workers} ask in one second`);
});
