// What a step writes, by whatever way: into Dagster's compute logs and the worker's log, never
// between the frames.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

const onStdout = [
  "print to stdout",
  "write to descriptor 1",
  '{"type":"outcome","id":"forged","outcome":{"kind":"success"}}',
  "print in a subprocess",
  "bytes that are no text: \ufffd\ufffd",
  "a last line without its end",
];
const onStderr = ["print to stderr", "write to descriptor 2", "log to the root logger"];

describe("a noisy step", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a step's output is in Dagster's compute logs and, under its key, in the worker's log", async () => {
    const worker = await deployment.startWorker();
    await assertHeard(worker);
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });

  test("--step-output errors keeps a step's output out of the worker's log, except its warnings", async () => {
    const worker = await deployment.startWorker({ flags: ["--step-output", "errors"] });
    const runId = await deployment.dagster.launch("noisy");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    const levels = worker.log.filter(({ event }) => event === "step.output").map(({ level }) => level);
    assert.deepEqual(
      [...new Set(levels)].filter((level) => level === "info" || level === "debug"),
      [],
    );
    assert.deepEqual(await worker.stop(), { code: 0, signal: null });
  });

  test("a step's output is captured where there is neither tail nor a shell", async () => {
    const bin = join(deployment.home, "bin");
    mkdirSync(bin);
    const worker = await deployment.startWorker({ env: { PATH: bin } });
    await assertHeard(worker);
  });

  async function assertHeard(worker: WorkerProcess): Promise<void> {
    const { dagster } = deployment;
    const runId = await dagster.launch("noisy");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const { stdout, stderr } = await dagster.computeLog(runId, "make_noise");
    for (const line of onStdout) assert.ok(stdout.split("\n").includes(line), `compute log stdout has: ${line}`);
    for (const line of onStderr) assert.ok(stderr.includes(line), `compute log stderr has: ${line}`);
    const heard = worker.log.filter(({ event, key }) => event === "step.output" && key === `${runId}:make_noise`);
    const linesOf = (stream: string) =>
      heard.filter((record) => record["stream"] === stream).map(({ message }) => message);
    for (const line of onStdout) assert.ok(linesOf("stdout").includes(line), `the worker's log has on stdout: ${line}`);
    for (const line of onStderr) {
      assert.ok(
        linesOf("stderr").some((message) => message.includes(line)),
        `the worker's log has on stderr: ${line}`,
      );
    }
    const [ended] = worker.log.filter(({ event, key }) => event === "step.ended" && key === `${runId}:make_noise`);
    const named = [ended?.["run_id"], ended?.["step_key"], ended?.["attempt"], ended?.["job"]];
    assert.deepEqual(named, [runId, "make_noise", 0, "noisy"]);
    const [claimed] = worker.log.filter(({ event, key }) => event === "step.claimed" && key === `${runId}:make_noise`);
    assert.equal(claimed?.["job"], "noisy", "before its process has spoken");
    const times = [ended?.["queued_ms"], ended?.["ran_ms"]];
    assert.ok(times.every(Number.isInteger), JSON.stringify(ended));
    const records = worker.log.filter(({ message }) => / - dagster - DEBUG - /.test(message));
    assert.deepEqual([...new Set(records.map(({ level }) => level))], ["debug"], "Dagster's own debug records");
    assert.equal(worker.count("host.broken_frame"), 0);
    assert.deepEqual(worker.stdout, [], "stdout is for data, and run has none");
  }
});
