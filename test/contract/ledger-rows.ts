// Contract: what operators and the sweep read, what pruning takes away, and the store's own life.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Fault } from "../../core/faults.ts";
import type { Ledger, RowFilter } from "../../core/ledger/port.ts";
import { RUN_ID_BYTES, STEP_KEY_BYTES } from "../../core/step/step.ts";
import { claimed, leaseMs, type MakeLedger, outcome, request, requestFor } from "./ledger-setup.ts";

/**
 * Four rows in key order: a pending, b completed, c failed (all of run-1), d running (of run-2).
 */
async function fill(ledger: Ledger): Promise<void> {
  await claimed(ledger, requestFor("run-2:d", { step: { runId: "run-2", stepKey: "d", attempt: 0 } }));
  const [c, a, b] = [await claim("c"), await claim("a"), await claim("b")];
  await ledger.abandon(a, { giveStartBack: false });
  await ledger.settle(b, outcome());
  await ledger.settle(c, outcome({ state: "failure" }));
  function claim(stepKey: string) {
    return claimed(ledger, request({ step: { runId: "run-1", stepKey, attempt: 0 } }));
  }
}

const filters: readonly (readonly [string, RowFilter, readonly string[]])[] = [
  ["no filter", { limit: 10 }, ["run-1:a", "run-1:b", "run-1:c", "run-2:d"]],
  ["a run", { runId: "run-1", limit: 10 }, ["run-1:a", "run-1:b", "run-1:c"]],
  ["a run that has none", { runId: "run", limit: 10 }, []],
  ["states", { states: ["failed", "running"], limit: 10 }, ["run-1:c", "run-2:d"]],
  ["no state at all", { states: [], limit: 10 }, []],
  ["a run and states", { runId: "run-1", states: ["failed", "running"], limit: 10 }, ["run-1:c"]],
  ["a limit", { limit: 2 }, ["run-1:a", "run-1:b"]],
  ["a limit of none", { limit: 0 }, []],
  ["after a key", { afterKey: "run-1:b", limit: 10 }, ["run-1:c", "run-2:d"]],
  ["after a key without a row", { afterKey: "run-1:bb", limit: 1 }, ["run-1:c"]],
  [
    "everything at once",
    { runId: "run-1", states: ["completed", "failed"], afterKey: "run-1:b", limit: 1 },
    ["run-1:c"],
  ],
];

export function rowContract(make: MakeLedger): void {
  for (const [title, filter, keys] of filters) {
    test(`a list by ${title} holds the matching rows and no others`, async (t) => {
      const { ledger } = await make(t);
      await fill(ledger);
      assert.deepEqual(
        (await ledger.list(filter)).map(({ key }) => key),
        keys,
      );
    });
  }

  test("the longest names that the envelope may carry fit into every table and index", async (t) => {
    const { ledger } = await make(t);
    // Databases compress what goes into an index, and a repeated letter to next to nothing.
    const noise = (bytes: number) => randomBytes(bytes).toString("hex").slice(0, bytes);
    const step = { runId: noise(RUN_ID_BYTES), stepKey: noise(STEP_KEY_BYTES), attempt: 2 ** 31 - 1 };
    const hold = await claimed(ledger, request({ step }));
    const audit = { who: "ada", why: "mended" };
    assert.equal(await ledger.settle(hold, outcome({ state: "parked" })), "recorded");
    assert.equal(await ledger.reopen({ ...hold, payloadDigest: null, ...audit }), "reopened");
    assert.equal((await ledger.reopenings(hold.key)).length, 1);
    const plan = { letterId: "l", queueUrl: "u", subject: hold.key, act: "replay", ...audit } as const;
    assert.equal((await ledger.planReplay(plan, "id")).subject, hold.key);
    assert.deepEqual(
      (await ledger.list({ runId: step.runId, states: ["pending"], limit: 2 })).map((row) => row.step),
      [step],
    );
  });

  test("all pages together are the whole list, in the order of the keys' UTF-8 bytes", async (t) => {
    const { ledger } = await make(t);
    const keys = ["R:a", "a:a", "a:a:1", "a:a[1]", "a:ab", "a:é", "a:\uff5e", "a:😀"];
    for (const key of [...keys].reverse()) await claimed(ledger, requestFor(key));
    const paged: string[] = [];
    for (let pages = 0; pages <= keys.length / 3; pages++) {
      const afterKey = paged.at(-1);
      const page = await ledger.list({ limit: 3, ...(afterKey === undefined ? {} : { afterKey }) });
      paged.push(...page.map(({ key }) => key));
    }
    assert.deepEqual(paged, keys);
  });

  test("a row has every fact of its claim and its end", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    const step = { runId: "run-9", stepKey: "map_one[7]", attempt: 2 };
    const hold = await claimed(
      ledger,
      request({ step, owner: "w", messageId: "m", payloadDigest: "d", receivedAtMs: 7 }),
    );
    const common = {
      key: "run-9:map_one[7]:2",
      step,
      fence: 1,
      owner: "w",
      starts: 1,
      messageId: "m",
      payloadDigest: "d",
      bodyBound: false,
      receivedAtMs: 7,
    };
    const running = { leaseExpiresAtMs: nowMs() + leaseMs, outcome: null, updatedAtMs: nowMs(), settledAtMs: null };
    assert.deepEqual(await ledger.find(hold.key), { ...common, ...running, state: "running" });
    await advance(3);
    await ledger.settle(hold, outcome());
    const settled = { leaseExpiresAtMs: null, outcome: outcome(), updatedAtMs: nowMs(), settledAtMs: nowMs() };
    assert.deepEqual(await ledger.list({ limit: 1 }), [{ ...common, ...settled, state: "completed" }]);
  });

  test("prune takes the oldest settled rows before the instant, at most as many as asked", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    for (const key of ["run-1:c", "run-1:b", "run-1:a"]) {
      await ledger.settle(await claimed(ledger, requestFor(key)), outcome());
      await advance(1_000);
    }
    const before = nowMs() - 1_000;
    assert.equal(await ledger.prune(before, 1), 1);
    assert.deepEqual(
      (await ledger.list({ limit: 10 })).map(({ key }) => key),
      ["run-1:a", "run-1:b"],
    );
    assert.equal(await ledger.prune(before, 10), 1);
    assert.equal(await ledger.prune(before, 10), 0);
    assert.deepEqual(
      (await ledger.list({ limit: 10 })).map(({ key }) => key),
      ["run-1:a"],
    );
  });

  test("prune never touches a row that was claimed and not given up, however old", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    await fill(ledger);
    await ledger.permit(await claimed(ledger, requestFor("run-1:permitted")), leaseMs);
    await advance(1_000 * leaseMs);
    assert.equal(await ledger.prune(nowMs(), 100), 3);
    const states = (await ledger.list({ limit: 10 })).map(({ state }) => state);
    assert.deepEqual(states, ["permitted", "running"]);
  });

  test("prune takes pending rows for which no message came since the instant, at most as many as asked", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    const pend = async (stepKey: string, receivedAtMs: number) =>
      ledger.abandon(await claimed(ledger, requestFor(`run-1:${stepKey}`, { receivedAtMs })), { giveStartBack: true });
    await ledger.settle(await claimed(ledger, requestFor("run-1:settled")), outcome());
    for (const [i, stepKey] of ["a", "b", "c"].entries()) await pend(stepKey, nowMs() + i);
    const longRun = await claimed(ledger, requestFor("run-1:long", { receivedAtMs: nowMs() }));
    await advance(1_000);
    await ledger.abandon(longRun, { giveStartBack: false });
    await pend("fresh", nowMs());
    const left = async () =>
      (await ledger.list({ limit: 10 })).map(({ step, key }) => key.replace("run-1:", "") || step);
    assert.equal(await ledger.prune(nowMs(), 2), 2);
    assert.deepEqual(await left(), ["b", "c", "fresh", "long"]);
    assert.equal(await ledger.prune(nowMs(), 10), 2);
    assert.deepEqual(await left(), ["fresh", "long"]);
    assert.equal(await ledger.prune(nowMs(), 10), 0);
  });

  test("a pruned row starts over at fence 1; the other rows' fences go on", async (t) => {
    const { ledger, nowMs, advance } = await make(t);
    await claimed(ledger, requestFor("run-1:other"));
    await advance(leaseMs);
    await ledger.settle(await claimed(ledger), outcome());
    await advance(1);
    await ledger.prune(nowMs(), 10);
    const again = await claimed(ledger, request({ payloadDigest: "new" }));
    assert.deepEqual([again.fence, again.starts, again.payloadDigest], [1, 1, "new"]);
    assert.equal((await claimed(ledger, requestFor("run-1:other"))).fence, 2);
  });

  test("every connection to a ledger reads the same burial key, and another ledger has another one", async (t) => {
    const [{ ledger, second }, other] = [await make(t), await make(t)];
    const key = await ledger.burialKey();
    assert.match(key, /^[0-9a-f-]{64,72}$/);
    assert.equal(await (await second()).burialKey(), key);
    assert.notEqual(await other.ledger.burialKey(), key);
  });

  test("ping answers while the ledger is open; closed, every method rejects with TQ_LEDGER; close twice is fine", async (t) => {
    const { ledger } = await make(t);
    const hold = await claimed(ledger);
    await ledger.ping();
    await ledger.close();
    await ledger.close();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => ledger.claim(request()),
      () => ledger.renew([hold], leaseMs),
      () => ledger.permit(hold, leaseMs),
      () => ledger.settle(hold, outcome()),
      () => ledger.abandon(hold, { giveStartBack: false }),
      () => ledger.find(hold.key),
      () => ledger.list({ limit: 1 }),
      () => ledger.lock("sweep", "worker-a", leaseMs),
      () => ledger.prune(0, 1),
      () => ledger.burialKey(),
      () => ledger.ping(),
    ];
    for (const call of calls) await assert.rejects(call, isClosed);
  });
}

function isClosed(error: unknown): boolean {
  return error instanceof Fault && error.code === "TQ_LEDGER" && error.message.endsWith("it is closed");
}
