// Runs of real jobs through a worker whose processes run several steps each.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

let deployment: Deployment;

afterEach(async (t) => {
  await deployment.explain(t);
  await deployment.close();
});

test("a run of eleven attempts takes two processes, since the retry begins in a fresh one", async () => {
  deployment = await Deployment.open();
  const worker = await deployment.startWorker({ flags: ["--concurrency", "1", "--steps-per-process", "50"] });
  const { dagster } = deployment;
  const runId = await dagster.launch("weather_report");
  assert.equal(await dagster.finished(runId), "SUCCESS");
  await recordedOnce(deployment, runId);
  assert.equal(deployment.ledger(runId).length, 11);
  assert.deepEqual(await deployment.deadLetters(), []);
  const started = (await dagster.records(runId)).filter(({ type }) => type === "STEP_WORKER_STARTED");
  assert.equal(started.length, 11);
  assert.equal(new Set(started.map(({ metadata }) => metadata["pid"])).size, 2);
  assert.deepEqual(await worker.stop(), { code: 0, signal: null });
});
