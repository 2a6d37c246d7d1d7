// Texts that steer terminals, in everything that others may name: no command writes one of their
// characters, and a long one is cut.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type Ended, openDesk } from "../support/taskiq/operators-desk.ts";

const steering = "\u001b[2J\r\u0085\u009b1A\u202e\u2066\u2028\u200b\u007f";
const long = "n".repeat(1_000_000);
const unsafe = /[^\P{C}\n\u200c\u200d]|\p{Zl}|\p{Zp}/u;

function check(what: string, { stdout, stderr }: Pick<Ended, "stdout" | "stderr">): void {
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, unsafe, what);
    assert.ok(text.length < 100_000, `${what} writes ${text.length} characters`);
  }
}

test("foreign texts are cut, and none of them steers an operator's terminal", async (t) => {
  const desk = await openDesk(t);
  desk.send(`cannot_run.${steering}`, "g1");
  for (const [i, name] of [`name${steering}`, long].entries()) {
    const body = JSON.stringify({
      version: 1,
      run_id: "run-1",
      step_key: name,
      retry_count: 0,
      retry_mode: `mode${steering}`,
    });
    desk.source.send({ body, groupId: `g${i + 2}`, deduplicationId: `d${i}` });
  }
  const worker = desk.start([
    ...["run", "--log-format", "text", "--log-level", "debug", "--health-port", "0", "--wait-time", "1s"],
    ...["--max-starts", "1", "--on-exhausted", "park"],
  ]);
  let seen = "";
  worker.child.stderr?.on("data", (chunk) => {
    seen += String(chunk);
  });
  try {
    await eventually("all are buried", () => seen.split("dead_letter.buried").length > 3, 60_000);
  } finally {
    worker.child.kill("SIGTERM");
  }
  check("run", await worker.ended);

  const drained = desk.start([
    "drain",
    "--log-format",
    "text",
    "--settle",
    "1s",
    "--health-port",
    "0",
    "--wait-time",
    "1s",
  ]);
  check("drain", await drained.ended);
  const commands = [
    ["inspect-dlq"],
    ["inspect-dlq", "--group"],
    ["inspect-dlq", "--json"],
    ["replay"],
    ["replay", "--json"],
  ];
  for (const command of commands) check(command.join(" "), await desk.start(command).ended);
  const shown = await desk.start(["inspect-dlq", "--show", "run-1:cannot_run"]).ended;
  check("inspect-dlq --show", shown);
  assert.match(shown.stdout, /cannot_run\.\\x1b\[2J /);

  const body = JSON.stringify({ why: `down${steering}${"w".repeat(30_000)}` });
  const server = createServer((socket) => socket.end(`HTTP/1.1 503 x\r\n\r\n${body}`)).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const asked = await desk.start(["healthcheck", "--health-port", String(port)]).ended;
  check("healthcheck", asked);
  assert.match(asked.stderr, /says 503: down\\x1b\[2J /);
});
