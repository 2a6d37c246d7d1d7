// A worker of a FIFO queue cuts its long poll when it stops. SQS goes on serving that poll, and
// hands it a message that is sent later. Steps are those of a step host without Dagster.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type LedgerDatabases, ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { createQueues, type QueuePair, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";
import { WorkersWithoutDagster } from "../support/taskiq/workers-without-dagster.ts";

/** How long the cut polls wait, in seconds. */
const WAIT = 20;
/** How long their messages would stay hidden. */
const VISIBILITY = "300s";
/** A cut poll ends, a worker looks, and the machine is loaded. */
const SOON_MS = 60_000;

const databases: LedgerDatabases = await ledgerDatabases();
const workers = await WorkersWithoutDagster.open("cut");
const { server, sqs } = workers;
let pair: QueuePair;

beforeEach(async () => {
  workers.begin();
  pair = await createQueues(sqs, `cut-${workers.tests}`);
});
afterEach((t) => workers.end(t));
after(() => workers.close());

const polls = (wait: number) => server.requests.filter(({ input }) => input["WaitTimeSeconds"] === wait).length;

async function pollsAnew(wait: number): Promise<void> {
  const before = polls(wait);
  await eventually(`SQS serves a poll of ${wait} s`, () => polls(wait) > before, SOON_MS);
}

/** Starts a worker, and resolves once SQS serves its long poll. */
async function startPolling(id: string, ledgerUrl: string, wait: number = WAIT): Promise<WorkerProcess> {
  const timing = ["--wait-time", `${wait}s`, "--visibility-timeout", VISIBILITY, "--concurrency", "1"];
  const given = ["--worker-id", id, "--queue", pair.url, "--ledger-url", ledgerUrl, ...timing];
  const worker = workers.startWorker(["run", ...given], `state-${id}`);
  await pollsAnew(wait);
  return worker;
}

const queued = async () => (await sqs.inspect(pair.name))[0];

/** Sends a step that SQS hands to the poll of a worker that has gone. */
async function sendToCutPoll(): Promise<void> {
  await sendMessage(sqs, pair.url, { body: bodyFor("succeeds"), groupId: "g", deduplicationId: "d" });
  await eventually("SQS has handed it out", async () => (await queued())?.state === "in_flight");
}

async function stopsIdle(worker: WorkerProcess): Promise<void> {
  worker.signal("SIGTERM");
  assert.deepEqual(await worker.exit(), { code: 0, signal: null });
  assert.ok(server.underWay > 0, "SQS goes on serving its poll");
}

async function runsIt(worker: WorkerProcess): Promise<void> {
  const isGone = async () => (await queued()) === undefined;
  await eventually("the step is done, and its message deleted", isGone, SOON_MS);
  assert.equal(worker.count("step.claimed"), 1);
  const { message } = await worker.said("intake.receive_repeated");
  assert.match(message, /^repeated a receive that a stopping worker had cut, and received 1 message$/);
}

describe("a message that SQS hands to the poll of a worker that has stopped", () => {
  for (const [name, ledgerOf] of [
    ["SQLite", async () => `sqlite:${join(workers.home, "ledger.sqlite")}`],
    [
      "PostgreSQL",
      async (t: TestContext) => {
        const { user, host, port, database } = (await databases.make(t)).target;
        return `postgres://${user}@${host}:${port}/${database}?sslmode=disable`;
      },
    ],
  ] as const) {
    test(`a worker that is started later runs it soon, with a ledger in ${name}`, async (t) => {
      const ledgerUrl = await ledgerOf(t as TestContext);
      await stopsIdle(await startPolling("w-1", ledgerUrl));
      await sendToCutPoll();
      await runsIt(await startPolling("w-2", ledgerUrl));
    });
  }

  test("a worker that runs already runs it soon", async () => {
    const ledgerUrl = `sqlite:${join(workers.home, "ledger.sqlite")}`;
    const running = await startPolling("w-2", ledgerUrl, 1);
    const stopping = await startPolling("w-1", ledgerUrl);
    // The server hands a message to the oldest poll.
    await pollsAnew(1);
    await stopsIdle(stopping);
    await sendToCutPoll();
    await runsIt(running);
  });
});
