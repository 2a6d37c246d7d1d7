// What pruning deletes, how gently, and that one worker does it.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Fault } from "../../../core/faults.ts";
import type { Ledger } from "../../../core/ledger/port.ts";
import { runPruning } from "../../../core/worker/pruning.ts";
import { claimed, outcome, requestFor } from "../../contract/ledger-setup.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { Observations } from "../../support/observations.ts";
import { MemoryLedger } from "../../support/ports/memory-ledger.ts";

const hour = 3_600_000;
const day = 24 * hour;
const retentionMs = 4 * day;

function bench(t: TestContext) {
  const clock = new ManualClock();
  const store = new MemoryLedger({ clock, writeBoundMs: 5_000 });
  const logged = new Observations();
  const quiet = new AbortController();
  const running: Promise<void>[] = [];
  // The queue that keeps its messages for the longest time decides.
  const queues = [day, retentionMs].map((ms) => ({ describe: async () => ({ retentionMs: ms }) as never }));
  const start = (worker: string, ledger: Pick<Ledger, "lock" | "prune"> = store, chance = 0.5) => {
    const ports = { ledger, queues, clock, observe: logged.observe, chance: () => chance };
    running.push(runPruning(ports, { intervalMs: hour, worker }, quiet.signal));
  };
  const settle = async (count: number, prefix = "run-1:step") => {
    for (let i = 0; i < count; i += 1) {
      await store.settle(await claimed(store, requestFor(`${prefix}_${i}`)), outcome());
    }
  };
  t.after(async () => {
    quiet.abort();
    await Promise.all(running);
  });
  const left = async () => (await store.list({ limit: 10_000 })).length;
  return { clock, store, logged, quiet, start, settle, left };
}

test("a row stays for the retention of the queue, of the dead letter queue, and a day, and is then deleted", async (t) => {
  const { clock, settle, start, left, logged, store } = bench(t);
  await settle(2);
  const refused = await claimed(store, requestFor("run-1:refused", { receivedAtMs: clock.wallMs() }));
  await store.abandon(refused, { giveStartBack: true, body: "forget" });
  await claimed(store, requestFor("run-1:open"));
  start("worker-a");
  await clock.advance(retentionMs + 15 * day);
  assert.equal(await left(), 4);
  await clock.advance(hour);
  assert.equal(await left(), 1, "what a worker holds stays");
  assert.deepEqual(logged.messages("ledger.pruned"), [
    "pruned 3 rows of the ledger that no message can ask for any more",
  ]);
});

test("many old rows are deleted a few at a time, with a rest in between", async (t) => {
  const { clock, store, settle, start, left } = bench(t);
  await settle(1_700);
  await clock.advance(30 * day);
  const batches: (readonly [number, number])[] = [];
  const prune: Ledger["prune"] = async (before, limit) => {
    batches.push([clock.monoMs(), limit]);
    return store.prune(before, limit);
  };
  start("worker-a", { lock: store.lock.bind(store), prune });
  await clock.advance(hour);
  assert.equal(await left(), 0);
  const first = batches[0]?.[0] ?? 0;
  assert.deepEqual(
    batches.map(([atMs, limit]) => [atMs - first, limit]),
    [0, 250, 500, 750].map((restMs) => [restMs, 500]),
  );
});

test("one of many workers prunes the ledger, and they do not ask all at once", async (t) => {
  const { clock, store, start } = bench(t);
  const asked: (readonly [string, number])[] = [];
  let pruning = 0;
  for (const [i, worker] of ["a", "b", "c"].entries()) {
    const lock: Ledger["lock"] = async (name, owner, leaseMs) => {
      asked.push([owner, clock.monoMs()]);
      return store.lock(name, owner, leaseMs);
    };
    const prune: Ledger["prune"] = async () => {
      pruning += 1;
      await clock.sleep(10_000);
      return 0;
    };
    start(worker, { lock, prune }, i / 1_000);
  }
  await clock.advance(hour);
  assert.equal(pruning, 1);
  assert.deepEqual(
    asked.filter(([, atMs]) => atMs < hour / 2).map(([owner]) => owner),
    ["a", "a", "b", "c", "a"],
  );
});

test("a ledger that is down at a pruning is logged, and asked again the next time", async (t) => {
  const { clock, store, settle, start, left, logged } = bench(t);
  await settle(1);
  await clock.advance(30 * day);
  let down = true;
  const lock: Ledger["lock"] = async (...lock) => {
    if (down) throw new Fault("TQ_LEDGER", "ledger under test: connection refused");
    return store.lock(...lock);
  };
  start("worker-a", { lock, prune: store.prune.bind(store) });
  await clock.advance(hour);
  assert.deepEqual(logged.messages("ledger.prune_failed"), [
    "could not prune the ledger: ledger under test: connection refused",
  ]);
  down = false;
  await clock.advance(hour);
  assert.equal(await left(), 0);
});
