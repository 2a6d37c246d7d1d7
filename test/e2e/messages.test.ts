// Everything that may stand in the queue: envelopes a second time, unreadable bodies, versions to
// come, and the original contract.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import type { InspectedMessage } from "../support/sqs/local-sqs.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a message", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    deployment = await Deployment.open();
    worker = await deployment.startWorker();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  /** A message of its own group, which no other holds up. */
  const send = (body: unknown) =>
    deployment.send({
      body: typeof body === "string" ? body : JSON.stringify(body),
      groupId: randomUUID(),
      deduplicationId: randomUUID(),
    });

  const deadLetter = (matches: (message: InspectedMessage) => boolean) =>
    eventually("there is such a dead letter", async () => (await deployment.deadLetters()).find(matches));

  test("a message sent again after its step was settled is deleted, and nothing runs", async () => {
    const { dagster } = deployment;
    const { started, release } = deployment.files();
    const runId = await dagster.launch("waits_for_file", { ops: { wait: { config: { started, release } } } });
    await announced(started);
    const [inFlight] = await deployment.queued();
    writeFileSync(release, "");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const [before] = deployment.ledger(runId);
    const messageId = await send(inFlight?.body);
    await worker.said("delivery.duplicate", (record) => record["message_id"] === messageId);
    await recordedOnce(deployment, runId);
    assert.deepEqual(deployment.ledger(runId), [before]);
    assert.equal((await dagster.eventsOf(runId, "wait")).filter((type) => type === "STEP_START").length, 1);
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  test("an unreadable message becomes a dead letter, byte for byte, with the reason beside it", async () => {
    const body = '{"run_id": "r", "step_key": \t"ünreadable ☂ \\u0000';
    const messageId = await send(body);
    const found = await deadLetter((message) => message.body === body);
    const note = readNote(found);
    assert.equal(note?.reason, "malformed");
    assert.equal(note?.detail, "expected a JSON object");
    assert.equal(note?.message_id, messageId);
    assert.equal(note?.worker, "worker-1");
    assert.equal(note?.source_queue, deployment.env["TASKIQ_QUEUE_URL"]);
    await deployment.queueEmpty();
  });

  test("a message with a nonsensical field ends the step that it names, so that no run waits for it", async () => {
    const { dagster } = deployment;
    const runId = await dagster.createRun("one_success");
    const messageId = await send({
      version: 1,
      run_id: runId,
      step_key: "succeed",
      retry_count: 0,
      retry_mode: "perhaps",
    });
    const found = await deadLetter((message) => readNote(message)?.message_id === messageId);
    assert.match(readNote(found)?.detail ?? "", /^retry_mode: /);
    await recordedOnce(deployment, runId);
    const [row] = deployment.ledger(runId);
    assert.equal(row?.state, "dead");
    assert.equal(row?.outcome?.state, "reported");
    const [end] = await dagster.terminalEvents(runId);
    assert.equal(end?.type, "STEP_FAILURE");
    assert.equal((await dagster.eventsOf(runId, "succeed")).includes("STEP_START"), false);
  });

  test("a message of the original contract, bare or in a TaskIQ envelope, loads what the step's inputs name", async () => {
    const { dagster } = deployment;
    const runId = await dagster.createRun("fan_in");
    const bare = (step_key: string) => ({
      run_id: runId,
      step_key,
      op_name: step_key,
      op_config: {},
      inputs: {},
      retry_count: 0,
    });
    const taskIq = (rest: object) => ({
      task_id: randomUUID(),
      task_name: "execute_op",
      labels: {},
      labels_types: null,
      args: [],
      kwargs: {},
      ...rest,
    });
    const wrap = [
      bare,
      (step: string) => taskIq({ args: [bare(step)] }),
      (step: string) => taskIq({ kwargs: { payload: JSON.stringify(bare(step)) } }),
      (step: string) => taskIq({ kwargs: bare(step) }),
    ] as const;
    for (let number = 0; number < 8; number += 1) await send(wrap[number % wrap.length]?.(`number_${number}`));
    await eventually("all numbers are there", async () => (await dagster.terminalEvents(runId)).length === 8);
    // It carries no known_state; the op fails unless all eight numbers were loaded.
    await send(bare("add_up"));
    await eventually("the sum is there", async () => (await dagster.terminalEvents(runId)).length === 9);
    await recordedOnce(deployment, runId);
    assert.deepEqual(
      (await dagster.terminalEvents(runId)).map(({ type }) => type),
      Array.from({ length: 9 }, () => "STEP_SUCCESS"),
    );
    assert.equal((await dagster.eventsOf(runId, "add_up")).filter((type) => type === "LOADED_INPUT").length, 8);
  });

  // Last, because the message stays.
  test("a message of a version to come is left for a newer worker, not buried", async () => {
    const deadBefore = (await deployment.deadLetters()).length;
    const body = JSON.stringify({ version: 99, run_id: "r", step_key: "s", something: "new" });
    const messageId = await send(body);
    const mine = (record: Readonly<Record<string, unknown>>) => record["message_id"] === messageId;
    await worker.said("delivery.unknown_version", mine);
    const released = await worker.said("delivery.released", mine);
    assert.equal(released["visibility_ms"], 300_000);
    const [left] = await eventually("only it is left", async () => {
      const queued = await deployment.queued();
      return queued.length === 1 && queued;
    });
    assert.equal(left?.body, body);
    assert.equal(left?.state, "in_flight");
    assert.equal((await deployment.deadLetters()).length, deadBefore);
  });
});
