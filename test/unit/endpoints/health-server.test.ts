// The health server over real HTTP.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../core/clock.ts";
import { type HealthServerOptions, startHealthServer } from "../../../core/endpoints/health-server.ts";
import { Fault } from "../../../core/faults.ts";
import { Observations } from "../../support/observations.ts";

type Facts = ReturnType<HealthServerOptions["facts"]>;

const open: Facts = {
  started: true,
  stopping: false,
  pollingSinceMs: null,
  lastTurnAtMs: systemClock.monoMs(),
  waitMs: 20_000,
  closedBecause: null,
  broken: null,
  busy: 3,
  slots: 4,
  readyWithinMs: 300_000,
};

async function start(t: TestContext, facts: Partial<Facts> = {}, port = 0) {
  return await serve(t, () => ({ ...open, ...facts }), port);
}

async function serve(t: TestContext, facts: () => Facts, port = 0, clock = { monoMs: systemClock.monoMs }) {
  const logged = new Observations();
  const settings = { host: "127.0.0.1", port, worker: "w-1", clock, observe: logged.observe };
  const server = await startHealthServer({ ...settings, facts, status: null, metrics: async () => "taskiq_slots 4\n" });
  t.after(() => server.close());
  return { ...server, logged, url: `http://127.0.0.1:${server.port}` };
}

describe("pages", () => {
  const body = (status: string, why: string) =>
    `${JSON.stringify({ status, why, worker: "w-1", busy: 3, slots: 4 })}\n`;
  const down = { closedBecause: "the ledger is down" };
  const rows: readonly [string, string, Partial<Facts>, number, string][] = [
    ["GET", "/livez", {}, 200, body("ok", "ok")],
    ["GET", "/readyz", {}, 200, body("ok", "ok")],
    ["GET", "/livez?verbose=1", {}, 200, body("ok", "ok")],
    ["GET", "/livez", down, 200, body("ok", "ok")],
    ["GET", "/readyz", down, 503, body("unavailable", "the ledger is down")],
    ["HEAD", "/livez", {}, 200, ""],
    ["HEAD", "/readyz", down, 503, ""],
    ["GET", "/", {}, 404, '{"error":"not found; there are /livez, /readyz, /healthz and /metrics"}\n'],
    ["GET", "/constructor", {}, 404, '{"error":"not found; there are /livez, /readyz, /healthz and /metrics"}\n'],
    ["POST", "/livez", {}, 405, '{"error":"only GET and HEAD"}\n'],
    ["DELETE", "/metrics", {}, 405, '{"error":"only GET and HEAD"}\n'],
  ];
  for (const [method, path, facts, status, text] of rows) {
    test(`the health endpoint answers ${method} ${path} with ${status}${facts === down ? " while the ledger is down" : ""}`, async (t) => {
      const { url } = await start(t, facts);
      const response = await fetch(`${url}${path}`, { method });
      assert.deepEqual([response.status, await response.text()], [status, text]);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.equal(response.headers.get("allow"), status === 405 ? "GET, HEAD" : null);
    });
  }
});

test("GET /metrics answers in the text format of Prometheus", async (t) => {
  const { url } = await start(t);
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(await response.text(), "taskiq_slots 4\n");
});

test("a worker is healthy once it was ready for five seconds, and stays so in an outage that comes then", async (t) => {
  let nowMs = 1_000_000;
  let closedBecause: string | null = "the code cannot be imported";
  const facts = () => ({ ...open, lastTurnAtMs: nowMs, closedBecause });
  const { url } = await serve(t, facts, 0, { monoMs: () => nowMs });
  const ask = async (page: string) => {
    const { why } = (await (await fetch(`${url}/${page}`)).json()) as { readonly why: string };
    return why;
  };
  assert.equal(await ask("healthz"), "not ready yet: the code cannot be imported");
  closedBecause = null;
  assert.equal(await ask("healthz"), "not ready yet: it has been ready for less than 5 s");
  nowMs += 4_999;
  closedBecause = "the first receive was refused";
  assert.equal(await ask("healthz"), "not ready yet: the first receive was refused");
  closedBecause = null;
  await ask("healthz");
  nowMs += 5_000;
  assert.equal(await ask("healthz"), "ok");
  closedBecause = "the ledger is down";
  assert.deepEqual([await ask("healthz"), await ask("livez"), await ask("readyz")], ["ok", "ok", "the ledger is down"]);
});

test("the answer of a worker with several queues lists each queue", async (t) => {
  const queues = [
    { name: "high", busy: 1, received: 5, closedBecause: null },
    { name: "low", busy: 2, received: 9, closedBecause: "no such queue" },
  ];
  const { url } = await start(t, { queues });
  const response = await fetch(`${url}/readyz`);
  assert.deepEqual(await response.json(), { status: "ok", why: "ok", worker: "w-1", busy: 3, slots: 4, queues });
});

test("the health page says beside the verdict what makes steps slow", async (t) => {
  const { url } = await start(t, { advice: ["code location north: each step starts a fresh interpreter"] });
  const answer = (await (await fetch(`${url}/readyz`)).json()) as { readonly status: string; readonly advice: unknown };
  assert.deepEqual(
    [answer.status, answer.advice],
    ["ok", ["code location north: each step starts a fresh interpreter"]],
  );
});

test("a port that is taken is a fault that names it", async (t) => {
  const { port } = await start(t);
  await assert.rejects(start(t, {}, port), (error: unknown) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, "TQ_HEALTH_SERVER");
    assert.equal(error.message, `health server: port ${port} on 127.0.0.1 is in use by another program`);
    assert.equal(error.hint, "Give each worker on this machine a health port of its own; 0 takes any free one.");
    return true;
  });
});

test("an address of another machine is a fault that names it", async () => {
  // 192.0.2.0/24 belongs to no machine (RFC 5737).
  const place = { host: "192.0.2.1", port: 0, observe: () => undefined };
  const options = {
    ...place,
    worker: "w",
    clock: systemClock,
    facts: () => open,
    metrics: async () => "",
    status: null,
  };
  await assert.rejects(startHealthServer(options), {
    name: "Fault",
    code: "TQ_HEALTH_SERVER",
    message: "health server: port 0 on 192.0.2.1: this machine has no such address",
  });
});

test("a page that throws answers 500, and the next request is answered as usual", async (t) => {
  const results: (() => Facts)[] = [
    () => {
      throw new Error("no facts");
    },
    () => open,
  ];
  const { url, logged } = await serve(t, () => (results.shift() as () => Facts)());
  assert.equal((await fetch(`${url}/livez`)).status, 500);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  assert.match(logged.messages("endpoint.bug")[0] ?? "", /Error: no facts\n +at /);
});

test("closing does not wait for an unfinished request", async (t) => {
  const { port, close } = await start(t);
  const idler = connect(port, "127.0.0.1");
  t.after(() => idler.destroy());
  await once(idler, "connect");
  idler.write("GET /livez HTTP/1.1\r\n");
  idler.on("error", () => undefined); // a reset is as good as an end
  const gone = new Promise((resolve) => idler.once("close", resolve));
  await close();
  await gone;
  const again = await start(t, {}, port);
  assert.equal(again.port, port);
});
