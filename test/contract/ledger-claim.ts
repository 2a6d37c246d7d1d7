// Contract: who gets a row, and when it passes to another.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ledger } from "../../core/ledger/port.ts";
import { claimed, leaseMs, type MakeLedger, outcome, request, writeBoundMs } from "./ledger-setup.ts";

export function claimContract(make: MakeLedger): void {
  test("a fresh row is granted with fence 1, as its first start", async (t) => {
    const { ledger } = await make(t);
    assert.deepEqual(await ledger.claim(request({ payloadDigest: "d" })), {
      kind: "granted",
      fence: 1,
      starts: 1,
      takenOverFrom: null,
      payloadDigest: "d",
    });
  });

  test("a claim keeps only the identity of a step that has more fields", async (t) => {
    const { ledger } = await make(t);
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    const envelope = { ...step, opName: "load", knownState: null, tags: { "taskiq/group": "g" } };
    await claimed(ledger, request({ step: envelope }));
    const row = await ledger.find(request({ step }).key);
    assert.deepEqual(row?.step, step);
  });

  test("a running lease is held, for others and for its own owner", async (t) => {
    const { ledger, second, advance } = await make(t);
    await claimed(ledger, request({ owner: "worker-a" }));
    await advance(20_000);
    const held = { kind: "held", owner: "worker-a", leftMs: leaseMs - 20_000 };
    assert.deepEqual(await (await second()).claim(request({ owner: "worker-b" })), held);
    assert.deepEqual(await ledger.claim(request({ owner: "worker-a" })), held);
  });

  test("a lease holds up to its last millisecond, then it is taken over with a higher fence", async (t) => {
    const { ledger, advance } = await make(t);
    await claimed(ledger, request({ owner: "worker-a" }));
    await advance(leaseMs - 1);
    assert.deepEqual(await ledger.claim(request({ owner: "worker-b" })), {
      kind: "held",
      owner: "worker-a",
      leftMs: 1,
    });
    await advance(1);
    const { fence, starts, takenOverFrom } = await claimed(ledger, request({ owner: "worker-b" }));
    assert.deepEqual({ fence, starts, takenOverFrom }, { fence: 2, starts: 2, takenOverFrom: "worker-a" });
  });

  test("a takeover starts a new lease", async (t) => {
    const { ledger, advance } = await make(t);
    await claimed(ledger);
    await advance(leaseMs);
    await claimed(ledger, request({ owner: "worker-b", leaseMs: 1_000 }));
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-b", leftMs: 1_000 });
  });

  test("a permitted row is taken over only when the write bound has passed since its lease's end", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger, request({ owner: "worker-a" }));
    await ledger.permit(hold, leaseMs);
    await advance(leaseMs);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: writeBoundMs });
    await advance(writeBoundMs - 1);
    assert.deepEqual(await ledger.claim(request()), { kind: "held", owner: "worker-a", leftMs: 1 });
    await advance(1);
    assert.equal((await claimed(ledger)).takenOverFrom, "worker-a");
  });

  test("a permitted row taken over is running again, and owes no write bound for the lease before", async (t) => {
    const { ledger, advance } = await make(t);
    await ledger.permit(await claimed(ledger), leaseMs);
    await advance(leaseMs + writeBoundMs);
    await claimed(ledger, request({ owner: "worker-b" }));
    assert.equal((await ledger.find(request().key))?.state, "running");
    await advance(leaseMs);
    assert.equal((await claimed(ledger)).takenOverFrom, "worker-b");
  });

  test("each attempt of a step is a row of its own", async (t) => {
    const { ledger } = await make(t);
    await claimed(ledger, request({ attempt: 0 }));
    assert.equal((await claimed(ledger, request({ attempt: 1 }))).fence, 1);
  });

  test("a bound row keeps its body's digest; the message and the receive are the latest", async (t) => {
    const { ledger } = await make(t);
    const hold = await claimed(ledger, request({ payloadDigest: "first", messageId: "m1", receivedAtMs: 1 }));
    await ledger.abandon(hold, { giveStartBack: false, body: "bind" });
    const again = await claimed(ledger, request({ payloadDigest: "other", messageId: "m2", receivedAtMs: 2 }));
    assert.equal(again.payloadDigest, "first");
    const row = await ledger.find(request().key);
    assert.deepEqual([row?.payloadDigest, row?.messageId, row?.receivedAtMs], ["first", "m2", 2]);
  });

  test("a row that is bound to a body stays bound across claims, owners and ended leases", async (t) => {
    const { ledger, second, advance } = await make(t);
    await ledger.abandon(await claimed(ledger, request({ payloadDigest: "first" })), {
      giveStartBack: true,
      body: "bind",
    });
    assert.equal((await claimed(ledger, request({ payloadDigest: "second" }))).payloadDigest, "first");
    await advance(leaseMs);
    const again = await claimed(await second(), request({ payloadDigest: "second" }));
    assert.equal(again.payloadDigest, "first");
    await ledger.abandon(again, { giveStartBack: true });
    const own = await claimed(ledger, request({ payloadDigest: "first" }));
    await ledger.abandon(own, { giveStartBack: true, body: "forget" });
    assert.equal((await claimed(ledger, request({ payloadDigest: "third" }))).payloadDigest, "first");
    const row = await ledger.find(own.key);
    assert.deepEqual([row?.payloadDigest, row?.bodyBound], ["first", true]);
  });

  test("a body that cannot be read binds no row", async (t) => {
    const { ledger } = await make(t);
    await ledger.abandon(await claimed(ledger, request({ payloadDigest: "" })), { giveStartBack: true, body: "bind" });
    assert.equal((await ledger.find(request().key))?.bodyBound, false);
    assert.equal((await claimed(ledger, request({ payloadDigest: "second" }))).payloadDigest, "second");
  });

  test("a row that is bound to no body takes its next body's digest", async (t) => {
    const { ledger, advance } = await make(t);
    const hold = await claimed(ledger, request({ payloadDigest: "first" }));
    await ledger.abandon(hold, { giveStartBack: true, body: "forget" });
    assert.equal((await ledger.find(hold.key))?.payloadDigest, "");
    assert.equal((await claimed(ledger, request({ payloadDigest: "second" }))).payloadDigest, "second");
    await advance(leaseMs);
    assert.equal((await claimed(ledger, request({ payloadDigest: "third" }))).payloadDigest, "third");
    assert.equal((await ledger.find(hold.key))?.payloadDigest, "third");
  });

  test("a body that cannot be read takes no row from the body that owns it", async (t) => {
    const { ledger, advance } = await make(t);
    await claimed(ledger, request({ payloadDigest: "first" }));
    await advance(leaseMs);
    const again = await claimed(ledger, request({ payloadDigest: "" }));
    assert.equal(again.payloadDigest, "first");
    assert.equal((await ledger.find(request().key))?.payloadDigest, "first");
  });

  test("a settled row answers every claim with its outcome forever", async (t) => {
    const { ledger, second, advance } = await make(t);
    const end = outcome({ state: "failure" });
    await ledger.settle(await claimed(ledger), end);
    await advance(1_000 * leaseMs);
    for (const asker of [ledger, await second()]) await answersSettled(asker, end);
  });
}

async function answersSettled(ledger: Ledger, end: ReturnType<typeof outcome>): Promise<void> {
  assert.deepEqual(await ledger.claim(request({ owner: "worker-b" })), {
    kind: "settled",
    state: "failed",
    outcome: end,
  });
}
