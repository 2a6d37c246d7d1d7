// Who gets the status page and its document from the health port, and under which headers.
import assert from "node:assert/strict";
import { get, type IncomingHttpHeaders } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { type StatusAccess, statusReply } from "../../../core/endpoints/status-pages.ts";
import { statusPage } from "../../../core/status/page.ts";
import { serveStatus, statusFacts } from "../../support/status/scene.ts";

async function start(t: TestContext, access: StatusAccess | null = "local") {
  const server = await serveStatus(() => statusFacts(), access);
  t.after(() => server.close());
  return server.port;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** `fetch` does not send another Host header than the URL's. */
function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") {
  return new Promise<Answer>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers, method }, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      resolve({ status: response.statusCode, headers: response.headers, text });
    }).on("error", reject);
  });
}

test("GET / answers with the page, and with headers that keep other pages out", async (t) => {
  const { status, headers, text } = await ask(await start(t), "/");
  const { html, policy } = statusPage();
  assert.deepEqual([status, text], [200, html]);
  assert.equal(headers["content-security-policy"], policy);
  assert.deepEqual(
    ["content-type", "x-content-type-options", "referrer-policy", "x-frame-options", "cache-control"].map(
      (name) => headers[name],
    ),
    ["text/html; charset=utf-8", "nosniff", "no-referrer", "DENY", "no-store"],
  );
  assert.equal(headers["cross-origin-resource-policy"], "same-origin");
});

test("GET /status.json answers with the facts and the verdicts of health", async (t) => {
  const { status, headers, text } = await ask(await start(t), "/status.json?fresh");
  const { worker, health, running } = JSON.parse(text);
  assert.deepEqual([status, headers["content-type"], worker], [200, "application/json", "worker-1"]);
  assert.deepEqual([health.ready, running.length], [{ ok: true, why: "ok" }, 1]);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["access-control-allow-origin"], undefined);
});

test("the status page has no way to change anything", async (t) => {
  const port = await start(t);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
    for (const path of ["/", "/status.json"]) assert.equal((await ask(port, path, {}, method)).status, 405);
  const { status, text } = await ask(port, "/", {}, "HEAD");
  assert.deepEqual([status, text], [200, ""]);
});

test("a worker without a status page has neither page, and does not name them", async (t) => {
  const port = await start(t, null);
  for (const path of ["/", "/status.json"]) {
    const { status, text } = await ask(port, path);
    const error = "not found; there are /livez, /readyz, /healthz and /metrics";
    assert.deepEqual([status, JSON.parse(text)], [404, { error }]);
  }
});

test("the other pages of the port answer as before to a request that the status page refuses", async (t) => {
  const port = await start(t);
  const other = { host: "worker.example" };
  assert.equal((await ask(port, "/status.json", other)).status, 403);
  assert.equal((await ask(port, "/readyz", other)).status, 200);
  assert.equal((await ask(port, "/metrics", other)).status, 200);
});

describe("access", () => {
  const rows: readonly (readonly [StatusAccess, peer: string | undefined, host: string | undefined, number])[] = [
    ["local", "127.0.0.1", "localhost:8080", 200],
    ["local", "127.0.0.53", "127.0.0.1", 200],
    ["local", "::ffff:127.0.0.1", "LOCALHOST", 200],
    ["local", "::1", "[::1]:8080", 200],
    ["local", "127.0.0.1", "rebound.example:8080", 403],
    ["local", "127.0.0.1", "localhost.example", 403],
    ["local", "127.0.0.1", "127.0.0.1.example", 403],
    ["local", "127.0.0.1", "10.0.3.7:8080", 403],
    ["local", "127.0.0.1", undefined, 403],
    ["local", "10.0.3.7", "localhost:8080", 403],
    ["local", "::ffff:10.0.3.7", "localhost:8080", 403],
    ["local", undefined, "localhost:8080", 403],
    ["network", "10.0.3.7", "worker.example", 200],
  ];
  for (const [access, remoteAddress, host, status] of rows) {
    test(`status page ${access} answers a request from ${remoteAddress} to ${host} with ${status}`, () => {
      const request = { headers: { host }, socket: { remoteAddress } } as Parameters<typeof statusReply>[1];
      const fine = { ok: true, why: "ok" };
      const health = () => ({ live: fine, ready: fine, healthy: fine });
      const reply = statusReply("/status.json", request, { access, document: () => ({}) }, health);
      assert.equal(reply?.status, status);
    });
  }
});
