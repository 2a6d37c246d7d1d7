// Dagster's API by way of a proxy that the environment names, as HTTP clients have it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { openDagsterApi } from "../../../core/dagster/api.ts";
import { authority, fakeDagster, startGraphqlServer } from "../../support/dagster/graphql-server.ts";
import { hasty, target } from "./setup.ts";

/** Starts a proxy that records the addresses it forwards to. */
async function startProxy(t: TestContext) {
  const reached: string[] = [];
  const proxy = createServer((asked, response) => {
    reached.push(new URL(asked.url ?? "").host);
    const { method = "", headers } = asked;
    asked.pipe(request(asked.url ?? "", { method, headers }, (answer) => answer.pipe(response)));
  });
  proxy.on("connect", ({ url = "" }: IncomingMessage, client: Duplex) => {
    reached.push(url);
    const [, port] = url.split(":");
    const server = connect(Number(port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      server.pipe(client).pipe(server);
    });
    for (const socket of [server, client]) socket.on("error", () => socket.destroy());
    t.after(() => [server, client].map((socket) => socket.destroy()));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, reached };
}

/** These are all that there are, whatever the machine has. */
function setVariables(t: TestContext, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  for (const name of Object.keys(before).filter((one) => /^(?:https?|no)_proxy$/i.test(one))) delete process.env[name];
  Object.assign(process.env, variables);
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  });
}

describe("asking through a proxy", () => {
  for (const secure of [false, true]) {
    test(`Dagster is asked through ${secure ? "HTTPS_PROXY, and TLS goes through it to the server" : "HTTP_PROXY"}`, async (t) => {
      const server = await startGraphqlServer(t, fakeDagster({ run: { status: "FAILURE" } }), { secure });
      const proxy = await startProxy(t);
      setVariables(t, { [secure ? "HTTPS_PROXY" : "HTTP_PROXY"]: proxy.url });
      const dagster = openDagsterApi({ ...target, url: server.url, ca: authority }, hasty);
      t.after(() => dagster.close());
      assert.equal((await dagster.findRun("run"))?.status, "FAILURE");
      assert.deepEqual([...new Set(proxy.reached)], [new URL(server.url).host]);
    });
  }

  test("Dagster is asked without a proxy where NO_PROXY names it", async (t) => {
    const server = await startGraphqlServer(t, fakeDagster({ run: { status: "FAILURE" } }));
    const proxy = await startProxy(t);
    setVariables(t, { HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" });
    const dagster = openDagsterApi({ ...target, url: server.url }, hasty);
    t.after(() => dagster.close());
    assert.equal((await dagster.findRun("run"))?.status, "FAILURE");
    assert.deepEqual(proxy.reached, []);
  });
});
