// Run workers and workers that share a key: what they sign runs, and what another sender puts into the queue is buried.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { SIGNATURE_ATTRIBUTE, signatureOf } from "../../core/signature.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/recorded-once.ts";

const [key, forgers] = ["0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2)];

describe("a worker with a key", () => {
  let deployment: Deployment;

  before(async () => {
    // The run workers sign with the first key; the worker's old one comes first, as while keys change.
    deployment = await Deployment.open(50, { TASKIQ_ENVELOPE_KEY: key });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("runs what run workers signed, and buries what others send", async () => {
    const { dagster } = deployment;
    const worker = await deployment.startWorker({ env: { TASKIQ_ENVELOPE_KEY: `${"x".repeat(32)},${key}` } });
    const body = JSON.stringify({ run_id: "run-1", step_key: "succeed", retry_count: 0 });
    const attributes = (stringValue: string) => ({ [SIGNATURE_ATTRIBUTE]: { dataType: "String", stringValue } });
    const forged = [
      { body },
      { body, attributes: attributes(signatureOf(body, forgers)) },
      { body: "{", attributes: attributes(signatureOf(body, key)) },
    ];
    for (const [i, one] of forged.entries())
      await deployment.send({ ...one, groupId: `g${i}`, deduplicationId: `d${i}` });
    const runId = await dagster.launch("one_success");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    const letters = await eventually("all are buried", async () => {
      const found = await deployment.deadLetters();
      return found.length === forged.length && found;
    });
    assert.deepEqual(new Set(letters.map((letter) => readNote(letter)?.reason)), new Set(["unsigned"]));
    await recordedOnce(deployment, runId);
    assert.deepEqual(
      deployment.ledger().map(({ step }) => step.runId),
      [runId],
    );
    assert.doesNotMatch(worker.stdout + JSON.stringify(worker.log), new RegExp(key));
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });
});
