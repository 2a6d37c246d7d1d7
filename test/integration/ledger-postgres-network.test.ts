// The Postgres ledger when the way to its database is bad: lost answers, broken connections,
// outages, poolers.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault } from "../../core/faults.ts";
import type { Hold, Ledger } from "../../core/ledger/port.ts";
import { claimed, leaseMs, outcome, request, requestFor } from "../contract/ledger-setup.ts";
import { eventually } from "../support/eventually.ts";
import { type LedgerDatabase, ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { PostgresProxy } from "../support/postgres/postgres-proxy.ts";
import { startTransactionPooler } from "../support/postgres/transaction-pooler.ts";

const databases = await ledgerDatabases();

async function behindProxy(t: Parameters<typeof databases.make>[0], answerMs = 10_000) {
  const database = await databases.make(t);
  const proxy = await PostgresProxy.start(t, database.target);
  const ledger = await database.open({ target: { ...database.target, port: proxy.port }, answerMs });
  return { database, proxy, ledger };
}

/** A statement's first use takes two answers: it is prepared, then run. From here on it is one. */
async function prepare(ledger: Ledger): Promise<void> {
  const hold = await claimed(ledger, requestFor("run-0:prepares"));
  await ledger.permit(hold, leaseMs);
  await ledger.settle(hold, outcome());
}

describe("an answer that was lost on the way", () => {
  test("a claim is asked for again and is the same claim: not held by another, and no second start", async (t) => {
    const { database, proxy, ledger } = await behindProxy(t);
    await prepare(ledger);
    proxy.mode = "deaf";
    const asked = ledger.claim(request());
    await eventually("the claim is committed, its answer lost", async () => {
      return (await stateOf(database, request().key)) === "running" && proxy.lost > 0;
    });
    proxy.mode = "open";
    proxy.cut();
    const claim = await asked;
    assert.deepEqual(claim.kind === "granted" && [claim.fence, claim.starts, claim.takenOverFrom], [1, 1, null]);
    assert.equal((await ledger.claim(request({ owner: "worker-b" }))).kind, "held");
  });

  const calls: readonly (readonly [string, string, (ledger: Ledger, hold: Hold) => Promise<unknown>, unknown])[] = [
    ["claim", "running", async (ledger) => (await claimed(ledger, request({ attempt: 1 }))).fence, 1],
    ["permit", "permitted", (ledger, hold) => ledger.permit(hold, leaseMs), "granted"],
    ["settle", "completed", (ledger, hold) => ledger.settle(hold, outcome()), "recorded"],
  ];
  for (const [what, state, call, answer] of calls) {
    test(`a ${what} that was committed, but ended in a Fault, is the same one when it is asked for again`, async (t) => {
      const { database, proxy, ledger } = await behindProxy(t, 500);
      await prepare(ledger);
      const hold = await claimed(ledger);
      const key = what === "claim" ? request({ attempt: 1 }).key : hold.key;
      proxy.mode = "deaf";
      await assert.rejects(call(ledger, hold), { code: "TQ_LEDGER" });
      assert.equal(await stateOf(database, key), state);
      proxy.mode = "open";
      assert.equal(await call(ledger, hold), answer);
      assert.equal((await ledger.find(key))?.starts, 1);
    });
  }

  test("neither a permit nor a claim is granted again once its answer has come", async (t) => {
    const { ledger } = await behindProxy(t);
    const hold = await claimed(ledger);
    assert.equal(await ledger.permit(hold, leaseMs), "granted");
    assert.equal(await ledger.permit(hold, leaseMs), "refused");
    assert.equal((await ledger.claim(request())).kind, "held");
  });
});

/** Open in this process. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((what) => what === "TCPSocketWrap").length;
}

async function stateOf({ admin }: LedgerDatabase, key: string): Promise<unknown> {
  const [row] = await admin`SELECT state FROM taskiq_idempotency_records WHERE idempotency_key = ${key}`;
  return row?.["state"];
}

describe("a connection that breaks", () => {
  test("a connection that breaks between two statements is made again without an error", async (t) => {
    const { proxy, ledger } = await behindProxy(t);
    const hold = await claimed(ledger);
    proxy.cut();
    assert.equal(await ledger.permit(hold, leaseMs), "granted");
    assert.ok(proxy.connections >= 2);
  });

  test("a connection that the server ends, as in a failover, is made again", async (t) => {
    const { database, ledger } = await behindProxy(t);
    const hold = await claimed(ledger);
    await database.admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskiq-test'`;
    assert.equal(await ledger.settle(hold, outcome()), "recorded");
  });

  test("a connection to a server that has become read-only is made again", async (t) => {
    const { database, proxy, ledger } = await behindProxy(t);
    await ledger.ping();
    const readOnly = (how: string) =>
      database.admin.unsafe(`ALTER ROLE ${database.target.user} SET default_transaction_read_only = ${how}`);
    await readOnly("on");
    proxy.cut();
    const asked = ledger.claim(request());
    await eventually("it was refused", () => proxy.connections >= 3);
    await readOnly("off");
    assert.equal((await asked).kind, "granted");
  });
});

describe("an outage", () => {
  test("an outage is a Fault within the time for an answer, ends with the server's return, and costs few connections", async (t) => {
    const { proxy, ledger } = await behindProxy(t, 1_000);
    await ledger.ping();
    proxy.mode = "closed";
    proxy.cut();
    const before = proxy.connections;
    await assert.rejects(ledger.claim(request()), (error) => error instanceof Fault && error.code === "TQ_LEDGER");
    assert.ok(proxy.connections - before <= 12, `${proxy.connections - before} connections in a second`);
    proxy.mode = "open";
    assert.equal((await ledger.claim(request())).kind, "granted");
  });

  test("a server that accepts, but never answers, is a Fault, too", async (t) => {
    const { proxy, ledger } = await behindProxy(t, 300);
    proxy.mode = "deaf";
    await assert.rejects(ledger.ping(), { code: "TQ_LEDGER", message: /: no answer in time$/ });
  });

  test("a hanging server keeps no connection of the statements that were given up", async (t) => {
    const { proxy, ledger } = await behindProxy(t, 300);
    await ledger.ping();
    const { connections } = proxy;
    const before = sockets();
    proxy.mode = "hung";
    await assert.rejects(ledger.ping(), { code: "TQ_LEDGER" });
    await eventually("the cancel request has connected", () => proxy.connections > connections);
    // The statement's connection had three ends here. The cancel request's has one, the proxy's.
    await eventually("our end of that is closed", () => sockets() <= before - 3 + 1);
  });

  test("a statement that waits for a lock is given up on the server, too", async (t) => {
    const database = await databases.make(t);
    const ledger = await database.open({ answerMs: 300 });
    const hold = await claimed(ledger);
    const locked = await database.admin.reserve();
    await locked`BEGIN`;
    await locked`SELECT 1 FROM taskiq_idempotency_records FOR UPDATE`;
    await assert.rejects(ledger.settle(hold, outcome()), { code: "TQ_LEDGER" });
    await eventually("no statement of ours waits", async () => {
      const [waiting] = await database.admin`
        SELECT 1 FROM pg_stat_activity WHERE application_name = 'taskiq-test' AND state = 'active'`;
      return waiting === undefined;
    });
    await locked`ROLLBACK`;
    locked.release();
    assert.equal(await ledger.settle(hold, outcome()), "recorded");
  });
});

describe("a pooler in transaction mode", () => {
  test("everything works through a pooler, whichever connection a statement gets", async (t) => {
    const database = await databases.make(t);
    const pooler = await startTransactionPooler(t, database.target);
    const ledger = await database.open({ target: { ...database.target, ...pooler, pooler: true } });
    for (let i = 0; i < 5; i++) {
      const hold = await claimed(ledger, requestFor(`run-1:step_${i}`));
      assert.deepEqual(await ledger.renew([hold], leaseMs), [true]);
      assert.equal(await ledger.permit(hold, leaseMs), "granted");
      assert.equal(await ledger.settle(hold, outcome()), "recorded");
    }
    assert.equal((await ledger.list({ states: ["completed"], limit: 10 })).length, 5);
    assert.equal(await ledger.lock("sweep", "a", leaseMs), true);
    assert.equal(await ledger.prune(0, 10), 0);
  });

  test("a pooler that the ledger's URL does not declare is named", async (t) => {
    const database = await databases.make(t);
    const pooler = await startTransactionPooler(t, database.target);
    await assert.rejects(database.open({ target: { ...database.target, ...pooler } }), {
      code: "TQ_LEDGER",
      hint: "A pooler in transaction mode is in between: add pooler=transaction to the ledger's URL.",
    });
  });

  test("a statement behind a pooler that waits for a lock is cancelled, where no setting of ours could do it", async (t) => {
    const database = await databases.make(t);
    const ledger = await database.open({ target: { ...database.target, pooler: true }, answerMs: 300 });
    const hold = await claimed(ledger);
    const locked = await database.admin.reserve();
    await locked`BEGIN`;
    await locked`SELECT 1 FROM taskiq_idempotency_records FOR UPDATE`;
    await assert.rejects(ledger.settle(hold, outcome()), { code: "TQ_LEDGER" });
    await eventually("no statement of ours waits", async () => {
      const [waiting] = await database.admin`
        SELECT 1 FROM pg_stat_activity WHERE application_name = 'taskiq-test' AND state = 'active'`;
      return waiting === undefined;
    });
    await locked`ROLLBACK`;
    locked.release();
  });
});
