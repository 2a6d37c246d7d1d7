// The control endpoint over real HTTP: a client with the token can make the worker quiet. Other
// clients learn nothing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import type { AskedQuiet } from "../../../core/admission/quiet.ts";
import { startControlServer } from "../../../core/endpoints/control-server.ts";
import { Observations } from "../../support/observations.ts";

const token = "0123456789abcdef".repeat(4);

async function start(t: TestContext) {
  const asked: string[] = [];
  const logged = new Observations();
  let quiet: AskedQuiet | null = null;
  const server = await startControlServer({
    token,
    worker: "w-1",
    observe: logged.observe,
    snapshot: () => ({ busy: 2, slots: 4, idle: false, stopping: false, quiet }),
    quiet: (by) => {
      asked.push(`quiet ${by}`);
      quiet = { by, why: null, atMs: 1_790_000_000_000, untilMs: null, queue: null };
    },
    resume: (by) => {
      asked.push(`resume ${by}`);
      quiet = null;
    },
  });
  t.after(() => server.close());
  /** One request, written out: HTTP clients do not let everything be wrong. */
  const ask = async (line: string, headers: Readonly<Record<string, string>> = {}, body = "") => {
    const all = { host: `127.0.0.1:${server.port}`, authorization: `Bearer ${token}`, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.on("error", () => undefined);
    socket.write(`${line} HTTP/1.1\r\n${lines.join("")}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    await once(socket, "close");
    const [head = "", answer = ""] = text.split("\r\n\r\n");
    return { status: Number(head.split(" ")[1]), head, answer };
  };
  return { ask, asked, logged };
}

const state = { worker: "w-1", busy: 2, slots: 4, idle: false, stopping: false, quiet: null };
const by = JSON.stringify({ by: "ada@laptop" });

test("the control endpoint asks for quiet and undoes it, and names who asked", async (t) => {
  const { ask, asked } = await start(t);
  const before = await ask("GET /state");
  assert.deepEqual([before.status, JSON.parse(before.answer)], [200, state]);
  const quiet = await ask("POST /quiet", {}, by);
  assert.deepEqual(JSON.parse(quiet.answer), { ...state, quiet: { by: "ada@laptop", at_ms: 1_790_000_000_000 } });
  const resumed = await ask("POST /resume", {}, by);
  assert.deepEqual([resumed.status, JSON.parse(resumed.answer)], [200, state]);
  assert.deepEqual(asked, ["quiet ada@laptop", "resume ada@laptop"]);
});

describe("the control endpoint refuses a client that", () => {
  const rows: readonly [string, string, Readonly<Record<string, string>>][] = [
    ["has no token", "POST /quiet", { authorization: "" }],
    ["has another token", "POST /quiet", { authorization: `Bearer ${"f".repeat(64)}` }],
    ["has the beginning of the token", "POST /quiet", { authorization: `Bearer ${token.slice(0, -1)}` }],
    ["has more than the token", "POST /quiet", { authorization: `Bearer ${token}0` }],
    ["has the token in another scheme", "POST /quiet", { authorization: `Basic ${token}` }],
    ["comes by another name (DNS rebinding)", "POST /quiet", { host: "evil.example:80" }],
    ["comes by localhost", "GET /state", { host: "localhost" }],
    [
      "is a browser asking before it sends (CORS)",
      "OPTIONS /quiet",
      { authorization: "", origin: "https://evil.example" },
    ],
    ["only wants to know what there is", "GET /", { authorization: "" }],
  ];
  for (const [who, line, headers] of rows) {
    test(`the control endpoint refuses a client that ${who}`, async (t) => {
      const { ask, asked, logged } = await start(t);
      const { status, head, answer } = await ask(line, headers, by);
      assert.deepEqual([status, answer, asked], [401, '{"error":"unauthorized"}\n', []]);
      assert.doesNotMatch(head, /access-control|www-authenticate/i);
      assert.equal(logged.of("control.refused").length, 1);
    });
  }
});

describe("the control endpoint refuses, even with the token,", () => {
  const rows: readonly [string, string, string, number][] = [
    ["another method", "GET /quiet", "", 404],
    ["another page", "POST /stop", by, 404],
    ["no body", "POST /quiet", "", 400],
    ["a body that is not JSON", "POST /quiet", "by=ada", 400],
    ["an empty name", "POST /quiet", '{"by":""}', 400],
    ["a name that would garble the log", "POST /quiet", '{"by":"ada\\u001b[2J"}', 400],
    ["a name that is too long", "POST /resume", JSON.stringify({ by: "a".repeat(201) }), 400],
  ];
  for (const [what, line, body, status] of rows) {
    test(`the control endpoint refuses ${what}, even with the token`, async (t) => {
      const { ask, asked } = await start(t);
      const got = await ask(line, {}, body);
      assert.deepEqual([got.status, asked], [status, []]);
    });
  }

  test("an endless body changes nothing, and the endpoint serves on", async (t) => {
    const { ask, asked } = await start(t);
    await ask("POST /quiet", {}, `${by}${" ".repeat(1_000_000)}`);
    assert.deepEqual(asked, []);
    assert.equal((await ask("GET /state")).status, 200, "it serves on");
  });
});

test("the control endpoint answers any body with a state or a refusal, and none garbles the log", async (t) => {
  const { ask, asked } = await start(t);
  const named = fc.string({ unit: "binary", maxLength: 250 }).map((name) => JSON.stringify({ by: name }));
  const deep = `${"[".repeat(2_000)}${"]".repeat(2_000)}`;
  const bodies = fc.oneof(
    named,
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(deep, "null", '{"by":null}'),
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const before = asked.length;
      const { status, answer } = await ask("POST /quiet", {}, body);
      assert.ok(status === 200 || status === 400, `${status}`);
      assert.equal(asked.length - before, status === 200 ? 1 : 0);
      assert.equal(typeof JSON.parse(answer), "object");
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(
    asked.filter((one) => /\p{C}/u.test(one) || one.length > 210),
    [],
  );
});
