// However a worker waits, a second signal ends it within a second, and a stop ends within its grace
// and a second. Steps are those of a step host without Dagster.
import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, type TestContext, test } from "node:test";
import { LAST_MS } from "../../cli/signals.ts";
import { homeWithHost, python } from "../support/dagster/step-hosts.ts";
import { eventually } from "../support/eventually.ts";
import { awsVariables, createQueues, type QueuePair, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { endProcesses } from "../support/taskiq/marked-processes.ts";
import { WorkerProcess } from "../support/taskiq/worker-process.ts";

const hosts = new URL("../../fixtures/hosts/", import.meta.url).pathname;
/** What a loaded machine may add until the process is seen to be gone. */
const LATE_MS = 1_000;

let server: SqsServer;
/** Accepts connections and answers none of them. */
let silent: Server;
let silentPort: number;
let pair: QueuePair;
let home: string;
let tests = 0;
let worker: WorkerProcess;

before(async () => {
  server = await startSqsServer();
  silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  silentPort = (silent.address() as AddressInfo).port;
});
beforeEach(async () => {
  tests += 1;
  pair = await createQueues(asLocalSqs(server), `stops-${tests}`);
  home = homeWithHost("stops");
});
afterEach((t) => {
  if ((t as TestContext & { passed?: boolean }).passed === false) console.error(worker.tail());
  endProcesses(worker.processes());
  server.faults.clear();
  rmSync(home, { recursive: true, force: true });
});
after(async () => {
  silent.close();
  await server.stop();
});

function start(flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): WorkerProcess {
  return spawn(["run", "--grace", "600s", "--visibility-timeout", "60s", "--log-level", "debug", ...flags], env);
}

function spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): WorkerProcess {
  worker = new WorkerProcess({
    args,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      DAGSTER_HOME: home,
      TASKIQ_STATE_DIR: join(home, "state"),
      TASKIQ_QUEUE_URL: pair.url,
      TASKIQ_PYTHON: join(home, "python"),
      TASKIQ_WORKER_HEALTH_PORT: "0",
      ...awsVariables(server),
      ...env,
    },
  });
  return worker;
}

async function asked(action: string): Promise<void> {
  const { length } = server.requests;
  await eventually(`the worker asks ${action}`, () =>
    server.requests.slice(length).some((one) => one.action === action),
  );
}

/** The last of these signals, and how long the process lives after it. */
async function endsWithin(ms: number, ...signals: readonly NodeJS.Signals[]): Promise<void> {
  for (const [i, signal] of signals.entries()) {
    worker.signal(signal);
    await eventually("the signal is heard", () => worker.count("worker.signal") > i || !worker.running);
  }
  const sinceMs = performance.now();
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
  const tookMs = performance.now() - sinceMs;
  assert.ok(tookMs < ms + LATE_MS, `it took ${Math.round(tookMs)} ms`);
  assert.equal(worker.log.at(-1)?.event, "worker.stopped");
  await eventually("nothing of it is left", () => worker.processes().length === 0);
}

const stalls = () => server.faults.otherwise(() => ({ kind: "stall", at: "head" }));

describe("two signals end a worker within a second", () => {
  test("two signals end within a second a worker that waits for a standard queue", async () => {
    const { url } = await createQueues(asLocalSqs(server), "stops-standard", { fifo: false });
    start([], { TASKIQ_QUEUE_URL: url });
    await asked("ReceiveMessage");
    worker.signal("SIGTERM");
    await worker.said("intake.last_receive", ({ message }) => /^waiting up to (?:20|19\.\d) s for/.test(message));
    await endsWithin(LAST_MS, "SIGTERM");
    assert.equal(worker.count("worker.stop_cut"), 0);
  });

  test("two signals end within a second a worker whose SQS is silent while a step runs", async () => {
    start(["--concurrency", "2"]);
    await worker.said("worker.started");
    await sendMessage(asLocalSqs(server), pair.url, { body: bodyFor("blocks"), groupId: "g", deduplicationId: "d" });
    await worker.said("step.claimed");
    stalls();
    await endsWithin(LAST_MS, "SIGTERM", "SIGTERM");
    const cut = await worker.said("worker.stop_cut");
    assert.match(
      cut.message,
      /^the stop took too long: exiting with (?:1 message|2 messages) under way; SQS delivers each again/,
    );
  });

  test("two signals end within a second a worker whose step host is frozen", async () => {
    start();
    await sendMessage(asLocalSqs(server), pair.url, { body: bodyFor("blocks"), groupId: "g", deduplicationId: "d" });
    await worker.said("step.claimed");
    const host = await eventually("the host is found", () =>
      worker.processes().find(({ command }) => command.includes("well-behaved.py")),
    );
    process.kill(host.pid, "SIGSTOP");
    await endsWithin(LAST_MS, "SIGTERM", "SIGTERM");
  });
});

describe("one signal ends an idle worker of FIFO queues", () => {
  const receives = () => server.requests.filter(({ action }) => action === "ReceiveMessage").map(({ input }) => input);

  test("one signal ends an idle worker of two FIFO queues, though SQS has not answered its long polls", async () => {
    const other = await createQueues(asLocalSqs(server), `stops-${tests}-other`);
    const { length } = receives();
    await eventually("SQS serves no poll of an earlier test", () => server.underWay === 0, 30_000);
    start(["--queue", pair.url, "--queue", other.url], { TASKIQ_QUEUE_URL: "" });
    await eventually("it polls both queues", () => receives().length === length + 2);
    worker.signal("SIGTERM");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    assert.equal(server.underWay, 2, "SQS has answered neither of the polls");
    const polls = receives().slice(length, length + 2);
    assert.deepEqual(
      receives().slice(length + 2),
      polls.map((poll) => ({ ...poll, WaitTimeSeconds: 0 })),
      "each receive is repeated once, without waiting",
    );
    assert.deepEqual([worker.count("intake.last_receive"), worker.count("worker.stop_cut")], [0, 0]);
  });

  test("one signal gives back at once what SQS had fetched for the receive that it cuts", async () => {
    server.faults.next("ReceiveMessage", { kind: "stall", at: "head" });
    const polls = asked("ReceiveMessage");
    start();
    await polls;
    await sendMessage(asLocalSqs(server), pair.url, { body: bodyFor("waits"), groupId: "g", deduplicationId: "d" });
    const queued = async () => (await asLocalSqs(server).inspect(pair.name))[0];
    await eventually("SQS has handed it out", async () => (await queued())?.state === "in_flight");
    worker.signal("SIGTERM");
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    const { state, receiveCount } = (await queued()) ?? {};
    assert.deepEqual([state, receiveCount, worker.count("delivery.given_back")], ["visible", 1, 1]);
  });
});

describe("a bug in a library lets the running step finish, and the worker exits with 1", () => {
  const throwing = `data:text/javascript,process.on("SIGUSR2", () => { ${"THROW"} })`;
  for (const [how, code] of [
    ["thrown", 'throw new Error("a late answer")'],
    ["rejected", 'Promise.reject(new Error("a late answer"))'],
  ] as const) {
    test(`an error ${how} in a library lets the running step finish, and the worker exits with 1`, async () => {
      start(["--wait-time", "1s"], { NODE_OPTIONS: `--import=${encodeURI(throwing.replace("THROW", code))}` });
      const queued = { body: bodyFor("waits"), groupId: "g", deduplicationId: "d" };
      await sendMessage(asLocalSqs(server), pair.url, queued);
      await worker.said("step.claimed");
      worker.signal("SIGUSR2");
      await worker.said("worker.stopping");
      writeFileSync(join(home, "log", "release"), "");
      assert.deepEqual(await worker.exited, { code: 1, signal: null });
      const bugs = worker.log.filter(({ event }) => event === "worker.bug");
      assert.equal(bugs.length, 1);
      assert.match(bugs[0]?.message ?? "", /^bug in taskiq \(uncaught\), .*Error: a late answer\n +at /);
      assert.equal(worker.log.at(-1)?.["acked"], 1);
    });
  }
});

test("two signals end an operator's command within a second, though its SQS is silent", async () => {
  server.faults.otherwise((action) => (action === "ReceiveMessage" ? { kind: "stall", at: "head" } : null));
  server.model.queue(pair.deadLetterName).send({ body: "x", groupId: "g", deduplicationId: "d" });
  const seen = asked("ReceiveMessage");
  spawn(["inspect-dlq", "--no-dagster"]);
  await seen;
  worker.signal("SIGTERM");
  await worker.said("not-json", ({ message }) => message.includes("stopping; giving back the letters"));
  worker.signal("SIGTERM");
  const sinceMs = performance.now();
  assert.deepEqual(await worker.exited, { code: 1, signal: null });
  assert.ok(performance.now() - sinceMs < LAST_MS + LATE_MS);
});

describe("one signal ends within a second a worker that is starting", () => {
  test("one signal ends within a second a starting worker whose SQS is silent", async () => {
    stalls();
    const seen = asked("GetQueueAttributes");
    start();
    await seen;
    await endsWithin(LAST_MS, "SIGTERM");
  });

  test("one signal ends within a second a starting worker whose step host still imports", async () => {
    writeFileSync(join(home, "python"), `#!/bin/sh\nexec ${python} ${hosts}never-ready.py\n`);
    start();
    await eventually("its step host runs", () =>
      worker.processes().some(({ command }) => command.includes("never-ready.py")),
    );
    await endsWithin(LAST_MS, "SIGTERM");
  });

  test("one signal ends within a second a starting worker whose ledger is silent", async () => {
    const connected = new Promise((resolve) => silent.once("connection", resolve));
    start(["--ledger-url", `postgres://taskiq@127.0.0.1:${silentPort}/taskiq`]);
    await connected;
    await endsWithin(LAST_MS, "SIGINT");
  });

  test("one signal ends within a second a starting worker whose source of credentials is silent", async () => {
    const connected = new Promise((resolve) => silent.once("connection", resolve));
    const url = `http://127.0.0.1:${silentPort}/`;
    start([], { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    await connected;
    await endsWithin(LAST_MS, "SIGTERM");
  });
});

test("a stop takes no longer than its grace and a second, and gives back the step that it ends", async () => {
  start(["--grace", "1s"]);
  const queued = { body: bodyFor("blocks"), groupId: "g", deduplicationId: "d" };
  await sendMessage(asLocalSqs(server), pair.url, queued);
  await worker.said("step.claimed");
  await endsWithin(1_000 + LAST_MS, "SIGTERM");
  assert.deepEqual([worker.count("step.requeued"), worker.count("worker.stop_cut")], [1, 0]);
  assert.equal((await asLocalSqs(server).inspect(pair.name))[0]?.state, "visible");
});
