// `taskiq explain` over a real Dagster, the ledger and an SQS server: one step on its way from the
// queue to its end, and what may hold it up there. `unit/explain/step.test.ts` has every case.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues, type QueuePair } from "../support/sqs/local-sqs.ts";
import { type SqsServer, startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import { runTaskiq } from "../support/taskiq/run-taskiq.ts";

let server: SqsServer;
let pair: QueuePair;
let deployment: Deployment;

before(async () => {
  server = await startSqsServer();
  const sqs = asLocalSqs(server);
  pair = await createQueues(sqs, "steps", { maxReceiveCount: 50 });
  deployment = new Deployment(sqs, pair);
});
afterEach((t) => deployment.explain(t));
after(() => deployment.close());

const taskiq = (...args: readonly string[]) =>
  runTaskiq(args, { ...deployment.env, TASKIQ_PYTHON: PYTHON, USER: "ada" });

async function explained(...args: readonly string[]) {
  const { code, stdout, stderr } = await taskiq("explain", ...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

describe("one step from the queue to its end", () => {
  test("a step is explained while it waits, is held back, runs, and has ended", async () => {
    const { started, release } = deployment.files();
    const config = { ops: { wait: { config: { started, release } } } };
    const runId = await deployment.dagster.launch("waits_for_file", config);
    await eventually("the step was sent", async () => (await deployment.queued()).length === 1);
    await taskiq("migrate");
    const waiting = await explained(runId, "wait");
    assert.equal(waiting.kind, "waits_in_queue");
    assert.match(waiting.why, /no worker has claimed it\. About 1 message wait in steps\.fifo/);
    assert.match(waiting.next[0], /start one/);
    assert.match(waiting.history[0].text, /^STEP_WORKER_STARTING Sending step "wait" to queue/);
    assert.equal((await taskiq("quiet", "--queue", pair.name, "--why", "a new host")).code, 0);
    const quiet = await explained(runId, "wait");
    assert.equal(quiet.kind, "quiet");
    assert.match(quiet.why, /Workers take no steps from steps\.fifo: ada@\S+ asked for it .* ago \(a new host\)/);
    assert.equal((await taskiq("resume", "--queue", pair.name)).code, 0);
    const worker = await deployment.startWorker({ id: "w-7" });
    await announced(started);
    const runs = await explained(runId, "wait");
    assert.equal(runs.kind, "runs");
    assert.match(runs.why, /^Worker w-7 runs it since \d+s \(start 1 of attempt 0\)/);
    const run = await explained(runId);
    assert.deepEqual([run.kind, run.open.map((one: { step: string }) => one.step)], ["steps_open", ["wait"]]);
    writeFileSync(release, "");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    const { code, stdout } = await taskiq("explain", runId, "wait");
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Step wait of run \S+ \(job waits_for_file\): ended\n\nThe step succeeded .* Worker w-7 had it/,
    );
    await worker.stop();
    assert.match(stdout, /What happened:\n(?: {2}\S+Z {2}(?:Dagster|ledger): .*\n)+/);
  });
});

test("a message that SQS moved and one that was purged are named, with what to do", async () => {
  const runId = await deployment.dagster.launch("one_success");
  const [sent] = await eventually("the step was sent", async () => {
    const there = await deployment.queued();
    return there.length === 1 && there;
  });
  server.model.queue(pair.name).purge();
  const gone = await explained(runId, "succeed");
  assert.equal(gone.kind, "message_gone");
  const letterId = await deployment.forgeLetter({ body: sent?.body ?? "" });
  const dead = await explained(runId, "succeed");
  assert.equal(dead.kind, "dead_letter");
  assert.match(dead.why, /moved_.*Verdict: run still waiting/);
  assert.ok(dead.next.some((one: string) => one.startsWith("taskiq fail ") && one.includes(`--id ${letterId}`)));
});

test("an unknown run and an unknown step are named, with exit code 1", async () => {
  const runId = await deployment.dagster.launch("one_success");
  const step = await taskiq("explain", runId, "sucked");
  assert.deepEqual([step.code, step.stdout], [1, ""]);
  assert.match(step.stderr, /the run of job one_success has no step "sucked"/);
  const run = await taskiq("explain", "no-such-run");
  assert.equal(run.code, 1);
  assert.match(run.stdout, /^Run no-such-run: unknown run\n\nThis Dagster instance knows no run no-such-run/);
});
