// Whatever listens where a worker, Dagster or ECS's agent should: each who asks it gets a value or
// a Fault in a bounded time and a bounded text.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import { whyIn } from "../../../cli/healthcheck/healthcheck.ts";
import { askLocal } from "../../../cli/local-http.ts";
import { askWorker } from "../../../cli/worker/control-client.ts";
import { ecsAgent } from "../../../core/agent/ecs-agent.ts";
import { systemClock } from "../../../core/clock.ts";
import { openDagsterApi } from "../../../core/dagster/api.ts";
import { describeError, Fault } from "../../../core/faults.ts";

/** On loopback, until the test is over. */
async function listen(t: TestContext, talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => talk(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
const long = "x".repeat(200_000);
const names = [
  "data",
  "errors",
  "runOrError",
  "runsOrError",
  "launchRunReexecution",
  "__typename",
  "run",
  "runId",
  "status",
];
const more = [
  "results",
  "message",
  "worker",
  "busy",
  "slots",
  "quiet",
  "why",
  "failure",
  "Reason",
  "error",
  "Code",
  "protection",
];
const lookalike = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.constantFrom(null, true, "RunNotFoundError", long),
    fc.array(tie("value"), { maxLength: 2 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom(...names, ...more, "__proto__"), tie("value"), { maxKeys: 4 }),
})).object;
const json = fc.oneof(
  lookalike.map((value) => JSON.stringify(value)),
  fc.json(),
  fc.constantFrom(
    deep,
    `{"data":${deep}}`,
    `{"data":{"runOrError":${deep},"runsOrError":{"a":1}}}`,
    `{"data":{"launchRunReexecution":${deep}}}`,
    JSON.stringify({ errors: Array.from({ length: 1_000 }, () => ({ message: long.slice(0, 1_000) })) }),
    JSON.stringify({ data: { runOrError: { __typename: long, message: long }, runsOrError: { __typename: "Runs" } } }),
    JSON.stringify({ failure: { Reason: long, Detail: long } }),
    JSON.stringify({ error: { Code: long, Message: long } }),
    JSON.stringify({ why: long }),
  ),
);
const status = fc.constantFrom(
  "200 OK",
  "204 No Content",
  "302 Found",
  "400 x",
  "401 x",
  "429 x",
  "500 x",
  "503 x",
  "999 x",
  "abc",
);
const type = fc.constantFrom("application/json", "text/html", "", "x\ty");
const http = fc
  .tuple(status, type, json)
  .map(([line, kind, body]) => `HTTP/1.1 ${line}\r\ncontent-type: ${kind}\r\nlocation: /login?token=x\r\n\r\n${body}`);
const bytes = fc.oneof(
  http.map((text) => new TextEncoder().encode(text)),
  fc.tuple(http, fc.uint8Array()).map(([text, tail]) => Buffer.concat([Buffer.from(text), tail])),
  fc.uint8Array({ maxLength: 2_000 }),
  fc
    .constantFrom("HTTP/1.1 200 OK\r\n", "HTTP/1.1", `HTTP/1.1 200 ${long}`)
    .map((text) => new TextEncoder().encode(text)),
);
const answers = fc
  .tuple(bytes, fc.nat(500))
  .map(([whole, at]) => [whole.subarray(0, at), whole.subarray(at)].filter((piece) => piece.length > 0));

const LONGEST_TEXT = 2_000;

function assertShort(text: string): void {
  assert.equal(typeof text, "string");
  assert.ok(text.length <= LONGEST_TEXT, `${text.length} characters: ${text.slice(0, 200)}…`);
}

/** Asks once for each answer that there may be. */
async function forEachAnswer(t: TestContext, ask: (port: number) => Promise<void>, numRuns = 150): Promise<void> {
  let answer: readonly Uint8Array[] = [];
  const port = await listen(t, (socket) => {
    for (const piece of answer) socket.write(piece);
    socket.end();
  });
  await fc.assert(
    fc.asyncProperty(answers, async (pieces) => {
      answer = pieces;
      await ask(port);
    }),
    // Shrinking texts this long takes minutes.
    { numRuns, endOnFailure: true },
  );
}

describe("an odd answer", () => {
  test("an odd answer to a health check is one of its four kinds, and reported in one line", async (t) => {
    await forEachAnswer(t, async (port) => {
      const answer = await askLocal({ method: "GET", host: "127.0.0.1", port, path: "/livez", timeoutMs: 60_000 });
      assert.ok(["answered", "not_http", "failed"].includes(answer.kind), answer.kind);
      if (answer.kind !== "answered") return;
      assert.ok(answer.status >= 0 && answer.body.length <= 2 * 65_536);
      const why = whyIn(answer.body);
      assertShort(why);
      assert.doesNotMatch(why, /\p{Cc}/u);
    });
  });

  test("an odd answer to a question for a worker is its state, or the reason that there is none", async (t) => {
    await forEachAnswer(t, async (port) => {
      const answer = await askWorker({ port, token: "t".repeat(32) }, "state", "me");
      if (answer.kind === "state") assert.equal(typeof answer.state.busy, "number");
      if (answer.kind === "failed") assertShort(answer.why);
    });
  });

  test("an odd answer to a request for protection does not count as protection", async (t) => {
    await forEachAnswer(t, async (port) => {
      const answer = await ecsAgent(`http://127.0.0.1:${port}`, systemClock, 60_000).protect(
        10,
        new AbortController().signal,
      );
      assert.notEqual(answer.kind, "done");
      if (answer.kind !== "done") assertShort(answer.why);
    });
  });

  for (const what of ["findRun", "reexecuteFromFailure"] as const) {
    test(`an odd answer to Dagster's ${what} is an answer of the port or a Fault`, async (t) => {
      const clock = { ...systemClock, sleep: async () => undefined };
      await forEachAnswer(t, async (port) => {
        const target = { url: `http://127.0.0.1:${port}`, headers: [], ca: null, answerMs: 60_000 };
        const dagster = openDagsterApi(target, clock);
        try {
          const answer = await dagster[what]("run-1");
          if (answer !== null && "why" in answer) assertShort(answer.why);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          assert.match(error.code, /^TQ_(?:DAGSTER|CONFIG)/);
          assertShort(describeError(error));
        } finally {
          await dagster.close();
        }
      });
    });
  }
});

test("the shown part of another program's answer steers no terminal", () => {
  assert.equal(whyIn("a\u007fb\u009b2Jc\n"), '"a\\u007fb\\u009b2Jc\\n"');
});

test("an agent that never stops sending is not read forever", async (t) => {
  const port = await listen(t, (socket) => {
    const chunk = Buffer.alloc(65_536, "x");
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", pour);
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    pour();
  });
  const answer = await ecsAgent(`http://127.0.0.1:${port}`, systemClock, 600_000).drop(new AbortController().signal);
  assert.equal(answer.kind, "unknown");
});

test("a user in an address that is not percent-encoded is still a user", async () => {
  const target = { url: "http://a%zz:100%@127.0.0.1:1", headers: [], ca: null, answerMs: 1_000 };
  const dagster = openDagsterApi(target, systemClock);
  await assert.rejects(dagster.findRun("run-1"), { code: "TQ_DAGSTER_UNREACHABLE" });
  await dagster.close();
});
