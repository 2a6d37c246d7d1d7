// Clients that hold connections of a health or control endpoint, over real sockets: they do not
// shut out other clients, and their connections are closed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import { startJsonServer } from "../../../core/endpoints/json-server.ts";
import { eventually } from "../../support/eventually.ts";
import { Observations } from "../../support/observations.ts";

const LONGEST_MS = 5_000;

async function start(t: TestContext, body: object = {}) {
  let asked = 0;
  const { observe } = new Observations();
  const server = await startJsonServer({ host: "127.0.0.1", port: 0, observe }, () => {
    asked += 1;
    return { status: 200, body };
  });
  t.after(() => server.close());
  const hold = async (text = "", reads = true) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, allowHalfOpen: true });
    socket.on("error", () => undefined);
    t.after(() => socket.destroy());
    const ended = new Promise((resolve) => socket.once("close", resolve).once("end", resolve));
    await once(socket, "connect");
    socket.write(text);
    return { socket: reads ? socket.resume() : socket.pause(), ended };
  };
  const isAnswered = async () => (await fetch(`http://127.0.0.1:${server.port}/`)).status === 200;
  return { hold, isAnswered, asked: () => asked };
}

describe("connections", () => {
  test("silent connections do not shut out other clients, and all but 64 are ended at once", async (t) => {
    const { hold, isAnswered } = await start(t);
    const some = () => Promise.all(Array.from({ length: 300 }, () => hold()));
    const held = [...(await some()), ...(await some())];
    assert.ok(await isAnswered());
    let gone = 0;
    for (const { ended } of held) void ended.then(() => (gone += 1));
    await eventually("all but 64 are ended", () => gone >= 600 - 64, LONGEST_MS / 2);
    assert.ok(await isAnswered());
  });

  test("connections that ask slowly, never end their body or do not read are closed after five seconds", async (t) => {
    const { hold, isAnswered, asked } = await start(t, { long: "x".repeat(20_000_000) });
    const beganMs = performance.now();
    const kinds = ["", "GET / HTTP/1.1\r\nhost:", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n{"];
    const slow = await Promise.all(kinds.map((text) => hold(text)));
    const { socket: unread, ended: cut } = await hold("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false);
    await Promise.all(slow.map(({ ended }) => ended));
    assert.ok(performance.now() - beganMs >= LONGEST_MS - 100);
    assert.ok(await isAnswered());
    assert.ok(asked() >= 2);
    unread.resume();
    await cut;
  });

  test("a connection gets one answer, whatever else it asks", async (t) => {
    const { hold, asked } = await start(t);
    const { ended } = await hold("GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n".repeat(1_000));
    await ended;
    assert.equal(asked(), 1);
  });
});

test("a process without a descriptor to spare goes on, and answers when it has one", async (t) => {
  const module = JSON.stringify(new URL("../../../core/endpoints/json-server.ts", import.meta.url).href);
  const program = `
    import { startJsonServer } from ${module};
    const observe = () => undefined;
    const { port } = await startJsonServer({ host: "127.0.0.1", port: 0, observe }, () => ({ status: 200, body: {} }));
    console.log(port);`;
  const child = spawn(
    "sh",
    ["-c", 'ulimit -n 50; exec "$@"', "sh", process.execPath, "--input-type=module", "-e", program],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  t.after(() => child.kill("SIGKILL"));
  const [port] = await once(createInterface(child.stdout), "line");
  const held = Array.from({ length: 200 }, () => connect(Number(port), "127.0.0.1").on("error", () => undefined));
  await Promise.race([Promise.all(held.map((socket) => once(socket, "connect"))), once(child, "exit")]);
  for (const socket of held) socket.destroy();
  await eventually("it answers", async () => {
    assert.equal(child.exitCode, null);
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    return answer?.status === 200;
  });
});
