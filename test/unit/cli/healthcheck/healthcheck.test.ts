// The health check against servers that answer well, badly, late, strangely, or not at all.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { command, healthcheckSetup } from "../../../../cli/healthcheck/healthcheck.ts";
import type { Env } from "../../../../cli/options/resolve.ts";
import { configure } from "../../../../cli/options/setup.ts";
import { Captured } from "../captured.ts";
import { machine } from "../known-machine.ts";

async function listenOnLoopback(t: TestContext, talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    talk(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function check(argv: readonly string[], env: Env = {}) {
  const [stdout, stderr] = [new Captured(), new Captured()];
  const prepared = command.prepare(argv, env, machine);
  assert.deepEqual(prepared.problems, []);
  const exitCode = await prepared.run({ stdout, stderr, env, signals: new EventEmitter(), machine }, []);
  assert.equal(stdout.text, "");
  return { exitCode, said: stderr.text.replace(/:\d{4,5}/, ":PORT") };
}

function answers(response: string) {
  return (socket: Socket) => socket.once("data", () => socket.end(response));
}

describe("what is said of an answer", () => {
  const unavailable = '{"status":"unavailable","why":"a receive has hung for 120 s"}\n';
  const rows: readonly [string, string, number, string][] = [
    ["200", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 0, ""],
    ["200 without a body", "HTTP/1.0 200 OK\r\n\r\n", 0, ""],
    [
      "503 with a reason",
      `HTTP/1.1 503 Service Unavailable\r\n\r\n${unavailable}`,
      1,
      "taskiq healthcheck: 127.0.0.1:PORT/healthz says 503: a receive has hung for 120 s\n",
    ],
    [
      "404 of another program",
      "HTTP/1.1 404 Not Found\r\n\r\nno such page",
      1,
      'taskiq healthcheck: 127.0.0.1:PORT/healthz says 404: "no such page"\n',
    ],
    [
      "a reason that steers a terminal",
      'HTTP/1.1 503 x\r\n\r\n{"why":"\\u001b[2J"}',
      1,
      "taskiq healthcheck: 127.0.0.1:PORT/healthz says 503: \\x1b[2J\n",
    ],
    ["not HTTP", "SSH-2.0-OpenSSH\r\n", 1, "taskiq healthcheck: 127.0.0.1:PORT answered, but not as a worker does\n"],
    [
      "half a head",
      "HTTP/1.1 200 OK\r\n",
      1,
      "taskiq healthcheck: 127.0.0.1:PORT answered, but not as a worker does\n",
    ],
    ["nothing", "", 1, "taskiq healthcheck: 127.0.0.1:PORT answered, but not as a worker does\n"],
  ];
  for (const [name, response, exitCode, said] of rows) {
    test(`healthcheck exits with ${exitCode} when the port answers with ${name}`, async (t) => {
      const port = await listenOnLoopback(t, answers(response));
      assert.deepEqual(await check(["--health-port", String(port)]), { exitCode, said });
    });
  }
});

test("healthcheck asks /healthz, or /readyz with --ready", async (t) => {
  const asked: string[] = [];
  const port = await listenOnLoopback(t, (socket) =>
    socket.once("data", (text) => {
      asked.push(String(text));
      socket.end("HTTP/1.1 200 OK\r\n\r\n");
    }),
  );
  await check([`--health-port=${port}`]);
  await check(["--ready"], { TASKIQ_WORKER_HEALTH_PORT: String(port) });
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`;
  assert.deepEqual(asked, [request("/healthz"), request("/readyz")]);
});

test("healthcheck fails when the server does not answer in time", async (t) => {
  const port = await listenOnLoopback(t, (socket) => socket.write("HTTP/1.1 200 OK\r\n"));
  const result = await check([`--health-port=${port}`, "--timeout=50ms"]);
  assert.deepEqual(result, { exitCode: 1, said: "taskiq healthcheck: no answer from 127.0.0.1:PORT within 50ms\n" });
});

test("healthcheck does not fill its memory with an answer that never ends", async (t) => {
  const port = await listenOnLoopback(t, (socket) => {
    const flood = () => {
      while (!socket.destroyed && socket.write("x".repeat(64 * 1024)));
    };
    socket.on("drain", flood);
    flood();
  });
  const result = await check([`--health-port=${port}`, "--timeout=20s"]);
  assert.deepEqual(result, {
    exitCode: 1,
    said: "taskiq healthcheck: 127.0.0.1:PORT answered, but not as a worker does\n",
  });
});

test("healthcheck fails when no worker listens on the port", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const result = await check([`--health-port=${port}`]);
  assert.deepEqual(result, { exitCode: 1, said: "taskiq healthcheck: no worker listens on 127.0.0.1:PORT\n" });
});

describe("where a worker's own settings lead", () => {
  const rows: readonly [Env, string, number][] = [
    [{}, "127.0.0.1", 8080],
    [{ TASKIQ_WORKER_HEALTH_HOST: "0.0.0.0", TASKIQ_WORKER_HEALTH_PORT: "9000" }, "127.0.0.1", 9000],
    [{ TASKIQ_WORKER_HEALTH_HOST: "::" }, "::1", 8080],
    [{ TASKIQ_WORKER_HEALTH_HOST: "10.0.0.7" }, "10.0.0.7", 8080],
  ];
  for (const [env, host, port] of rows) {
    test(`healthcheck asks ${host}:${port} with the variables ${JSON.stringify(env)}`, () => {
      const config = configure(healthcheckSetup, [], env, machine).config();
      assert.deepEqual(config, { host, port, path: "/healthz", timeoutMs: 2_000 });
    });
  }

  test("healthcheck refuses port 0, because no worker can be found by it", () => {
    const { problems } = configure(healthcheckSetup, [], { TASKIQ_WORKER_HEALTH_PORT: "0" }, machine);
    assert.deepEqual(problems, [
      '--health-port must be a whole number from 1 to 65535, got "0" (from TASKIQ_WORKER_HEALTH_PORT)',
    ]);
  });
});
