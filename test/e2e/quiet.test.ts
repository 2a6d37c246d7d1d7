// `taskiq quiet` and `taskiq resume`: workers that share a Postgres ledger are made quiet by a
// process that reaches nothing but the ledger. Steps are those of a step host without Dagster,
// since none of this is about what they do.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, type TestContext, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { eventually } from "../support/eventually.ts";
import { ledgerDatabases } from "../support/ledger/ledger-database.ts";
import { createQueues, type QueuePair, sendMessage } from "../support/sqs/local-sqs.ts";
import { bodyFor } from "../support/sqs/messages.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";
import { WorkersWithoutDagster } from "../support/taskiq/workers-without-dagster.ts";

const databases = await ledgerDatabases();

const workers = await WorkersWithoutDagster.open("quiet");
const { sqs } = workers;
let steps: QueuePair;
let bulk: QueuePair;
let ledgerUrl: string;

beforeEach(async (t) => {
  workers.begin();
  steps = await createQueues(sqs, `steps-${workers.tests}`);
  bulk = await createQueues(sqs, `bulk-${workers.tests}`);
  const { target } = await databases.make(t as TestContext);
  ledgerUrl = `postgres://${target.user}@${target.host}:${target.port}/${target.database}?sslmode=disable`;
});
afterEach((t) => workers.end(t));
after(() => workers.close());

async function startWorker(id: string, ...flags: readonly string[]): Promise<WorkerProcess> {
  const given = ["--worker-id", id, "--queue", steps.url, "--queue", bulk.url, "--wait-time", "1s", "--grace", "1s"];
  const worker = workers.startWorker(["run", ...given, "--ledger-url", ledgerUrl, ...flags], `state-${id}`);
  await worker.said("worker.started");
  return worker;
}

/** An operator's shell: it has the ledger's URL, and nothing of the workers. */
async function operator(...args: readonly string[]) {
  const command = workers.start(args, { TASKIQ_LEDGER_URL: ledgerUrl, USER: "ada" });
  const { code } = await command.exit(120_000);
  const says = command.log.map(({ message }) => message).join("\n");
  return { code, says, stdout: command.stdout.join("\n") };
}

async function send(queue: QueuePair, stepKey: string): Promise<void> {
  await sendMessage(sqs, queue.url, { body: bodyFor(stepKey), groupId: stepKey, deduplicationId: stepKey });
}

const left = async (queue: QueuePair) => (await sqs.inspect(queue.name)).length;
const isEmpty = (queue: QueuePair) => eventually("the queue is empty", async () => (await left(queue)) === 0);

describe("quiet through the ledger", () => {
  test("a quiet queue stays so on every worker, across a restart, until it is resumed; the other queue goes on", async () => {
    const workers = [await startWorker("w-1"), await startWorker("w-2")];
    const asked = await operator("quiet", "--queue", bulk.url, "--why", "the warehouse is full");
    assert.equal(asked.code, 0, asked.says);
    assert.match(asked.says, /asked every worker for the queue bulk-\d\.fifo to take no new steps until it is resumed/);
    for (const worker of workers) {
      const said = await worker.said("worker.quiet");
      assert.match(
        said.message,
        /^quiet for the queue bulk-\d\.fifo: ada@.* asked for it at .* \(the warehouse is full\)/,
      );
    }
    // What a poll that was under way still fetches is given back.
    await send(bulk, "succeeds");
    await send(steps, "succeeds");
    await isEmpty(steps);
    // A hurried stop would cut its receive, and SQS would hide what it hands to that.
    workers[1]?.signal("SIGTERM");
    await workers[1]?.exit();
    const again = await startWorker("w-2");
    await again.said("worker.quiet");
    await send(steps, "succeeds.2");
    await isEmpty(steps);
    assert.deepEqual([await left(bulk), workers[0]?.count("step.claimed", ({ queue }) => queue === bulk.url)], [1, 0]);
    const listed = await operator("quiet", "--list", "--json");
    const { requests, workers: quiet } = JSON.parse(listed.stdout);
    assert.deepEqual([requests.length, requests[0].queue, requests[0].why], [1, bulk.name, "the warehouse is full"]);
    assert.deepEqual(new Set(quiet.map(({ worker }: { worker: string }) => worker)), new Set(["w-1", "w-2"]));
    const resumed = await operator("resume", "--queue", bulk.name, "--who", "grace@desk");
    assert.equal(resumed.code, 0, resumed.says);
    await isEmpty(bulk);
    for (const worker of [workers[0], again]) {
      const said = await worker?.said("worker.resumed");
      assert.match(said?.message ?? "", /^taking steps again from bulk-\d\.fifo: grace@desk asked for it$/);
    }
  });

  test("a quiet worker says why when it is asked for readiness, and the wait for it ends when its step has", async () => {
    const port = await freePort();
    const quiet = await startWorker("w-1", "--health-port", String(port));
    await send(steps, "waits");
    await quiet.said("step.claimed");
    const late = await operator("quiet", "--worker", "w-1", "--wait", "--max-time", "14s", "--why", "a new host");
    assert.equal(late.code, 1, late.says);
    assert.match(late.says, /worker w-1 is not idle after 14s: 1 step still running; it stays quiet/);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    const { why } = (await ready.json()) as { why: string };
    assert.equal(ready.status, 503);
    assert.match(why, /^quiet: ada@.* asked for it at .* \(a new host\)$/);
    const other = await startWorker("w-2");
    await send(steps, "succeeds");
    await other.said("step.claimed");
    writeFileSync(join(workers.home, "log", "release"), "");
    const idle = await operator("quiet", "--worker", "w-1", "--wait", "--max-time", "60s");
    assert.equal(idle.code, 0, idle.says);
    assert.match(idle.says, /1 worker idle/);
    const listed = await operator("quiet", "--list");
    assert.match(listed.stdout, /^WORKER +QUEUE +ASKED BY +WHY +SINCE +ENDS IN$/m);
    assert.match(listed.stdout, /^w-1 +bulk-\d\.fifo +0 +yes/m);
    const all = await operator("resume", "--everything");
    assert.equal(all.code, 0, all.says);
    await quiet.said("worker.resumed");
  });

  test("a request for quiet expires, and an absent one is named", async () => {
    const worker = await startWorker("w-1");
    await operator("quiet", "--everything", "--for", "10s");
    await worker.said("worker.quiet");
    await worker.said("worker.resumed", ({ message }) => message.includes("the time is over"), 30_000);
    await operator("quiet", "--queue", steps.name);
    const none = await operator("resume", "--worker", "w-1");
    assert.equal(none.code, 1);
    assert.match(none.says, /no request names worker w-1 and nothing else/);
    assert.match(none.says, /still in force:\n {2}every worker for the queue steps-\d\.fifo, asked by ada@/);
  });

  test("resume --local undoes what was asked on the machine, and says that the ledger's request stands", async () => {
    const worker = await startWorker("w-1");
    await operator("quiet", "--everything");
    await worker.said("worker.quiet");
    const here = workers.start(["resume", "--local"], { TASKIQ_STATE_DIR: join(workers.home, "state-w-1") });
    assert.equal((await here.exit()).code, 1);
    assert.match(
      here.log[0]?.message ?? "",
      /worker w-1 takes steps no more: ada@.* through the ledger; taskiq resume without --local lifts it/,
    );
  });

  test("no worker that answers is not an idle worker", async () => {
    await startWorker("w-1");
    const nobody = await operator("quiet", "--worker", "w-9", "--wait", "--max-time", "13s");
    assert.equal(nobody.code, 1);
    assert.match(nobody.says, /worker w-9 is not idle after 13s: no worker has answered the request/);
  });
});
