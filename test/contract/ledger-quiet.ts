// Contract: quiet requests are in force until they are lifted or their time is over, and quiet
// workers' reports are forgotten when they stop.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QuietAsk, QuietRequest } from "../../core/ledger/quiet-records.ts";
import type { MakeLedger } from "./ledger-setup.ts";

const minute = 60_000;
const everyone = { worker: null, queue: null };

function ask(changes: Partial<QuietAsk> = {}): QuietAsk {
  return { worker: "worker-a", queue: null, who: "ada@laptop", why: "a deploy", forMs: null, ...changes };
}

const inForce = (requests: readonly QuietRequest[]) => requests.filter(({ lifted }) => lifted === null);

export function quietContract(make: MakeLedger): void {
  test("a request is seen by every connection as it was asked, with the ledger's time", async (t) => {
    const { ledger, second, nowMs } = await make(t);
    const { quiet } = ledger;
    assert.deepEqual(await quiet.requests(), []);
    const asked = await quiet.ask(ask({ forMs: minute }));
    const { forMs: _, ...request } = ask();
    const times = { askedAtMs: nowMs(), untilMs: nowMs() + minute, lifted: null };
    assert.deepEqual(asked, { ...request, ...times });
    assert.deepEqual(await (await second()).quiet.requests(), [asked]);
  });

  test("requests name a worker, a queue, a worker's queue or everything, and stand beside each other, oldest first", async (t) => {
    const { ledger, advance } = await make(t);
    const { quiet } = ledger;
    const targets = [
      { worker: "worker-a", queue: null },
      { worker: null, queue: "steps.fifo" },
      { worker: "worker-a", queue: "steps.fifo" },
      everyone,
    ];
    for (const target of targets) {
      await quiet.ask(ask({ ...target, why: null }));
      await advance(1_000);
    }
    const found = await quiet.requests();
    assert.deepEqual(
      found.map(({ worker, queue }) => ({ worker, queue })),
      targets,
    );
    assert.ok(found.every(({ why, untilMs }) => why === null && untilMs === null));
  });

  test("a later request for the same target takes the place of the earlier one, lifted or not", async (t) => {
    const { ledger } = await make(t);
    const { quiet } = ledger;
    await quiet.ask(ask({ forMs: minute }));
    await quiet.ask(ask({ who: "grace@desk", why: null }));
    const [only, ...more] = await quiet.requests();
    assert.deepEqual([only?.who, only?.why, only?.untilMs, more], ["grace@desk", null, null, []]);
    await quiet.lift(ask(), "grace@desk");
    await quiet.ask(ask());
    assert.deepEqual(
      (await quiet.requests()).map(({ who, lifted }) => [who, lifted]),
      [["ada@laptop", null]],
    );
  });

  test("a request ends by itself when its time is over", async (t) => {
    const { ledger, advance } = await make(t);
    const { quiet } = ledger;
    await quiet.ask(ask({ forMs: minute }));
    await advance(minute - 1);
    assert.equal((await quiet.requests()).length, 1);
    await advance(1);
    assert.deepEqual(await quiet.requests(), []);
    assert.equal(await quiet.lift(ask(), "grace@desk"), false);
  });

  test("a lifted request is not in force, says for ten minutes who lifted it, and is lifted once", async (t) => {
    const { ledger, advance, nowMs } = await make(t);
    const { quiet } = ledger;
    await quiet.ask(ask());
    await quiet.ask(ask(everyone));
    assert.equal(await quiet.lift(ask(), "grace@desk"), true);
    assert.equal(await quiet.lift(ask(), "eve@desk"), false);
    assert.equal(await quiet.lift(ask({ queue: "steps.fifo" }), "eve@desk"), false);
    const found = await quiet.requests();
    assert.deepEqual(
      found.map(({ worker, lifted }) => [worker, lifted]),
      [
        [null, null],
        ["worker-a", { by: "grace@desk", atMs: nowMs() }],
      ],
    );
    await advance(10 * minute);
    assert.deepEqual(inForce(await quiet.requests()), await quiet.requests());
  });

  test("a worker's report replaces its own earlier report and no other worker's", async (t) => {
    const { ledger, second, advance } = await make(t);
    const { quiet } = ledger;
    const high = { queue: "high.fifo", busy: 2, idle: false };
    const low = { queue: "low.fifo", busy: 0, idle: true };
    await quiet.report("worker-a", [low, high]);
    await (await second()).quiet.report("worker-b", [high]);
    await advance(1_000);
    await quiet.report("worker-a", [{ ...high, busy: 1 }]);
    assert.deepEqual(await quiet.reports(), [
      { worker: "worker-a", ...high, busy: 1, agoMs: 0 },
      { worker: "worker-b", ...high, agoMs: 1_000 },
    ]);
    await quiet.report("worker-a", []);
    assert.deepEqual(
      (await quiet.reports()).map(({ worker }) => worker),
      ["worker-b"],
    );
  });

  test("a worker that has not reported for a minute is not reported", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.quiet.report("worker-a", [{ queue: "steps.fifo", busy: 0, idle: true }]);
    await advance(minute - 1);
    assert.equal((await ledger.quiet.reports()).length, 1);
    await advance(1);
    assert.deepEqual(await ledger.quiet.reports(), []);
  });

  test("one request is in force after many operators asked for one target at once", async (t) => {
    const { ledger, second } = await make(t);
    const ledgers = [ledger, await second()];
    await Promise.all(Array.from({ length: 10 }, (_, i) => ledgers[i % 2]?.quiet.ask(ask({ who: `ops-${i}` }))));
    assert.equal((await ledger.quiet.requests()).length, 1);
  });
}
