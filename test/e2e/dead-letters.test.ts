// Messages that SQS itself moved to the dead letter queue, before any worker decided on them. No
// Dagster run waits for them forever.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { openSqsQueue } from "../../core/queue/sqs/sqs.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { runTaskiq } from "../support/taskiq/run-taskiq.ts";

/** No more starts than the queue allows receives, or the worker would refuse the queue. */
const once = ["--max-starts", "1"];

describe("a step that SQS itself made a dead letter", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open(1);
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a dead letter of SQS ends its run, also while the code location cannot be imported", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("one_success");
    const [moved] = await movedBySqs(deployment);
    assert.equal(readNote(moved ?? assert.fail()), null);
    const worker = await deployment.startWorker({ flags: ["-m", "no_such_module", ...once, "--sweep-interval", "1s"] });
    assert.equal(worker.count("host.location_failed"), 1);
    assert.equal(await dagster.finished(runId), "FAILURE");
    await recordedOnce(deployment, runId);

    const detail = "SQS moved it to the dead letter queue: it was received too often without an end";
    const [end] = await dagster.terminalEvents(runId);
    assert.deepEqual([end?.type, end?.error?.message.trim()], ["STEP_FAILURE", `MovedBySqs: ${detail}`]);
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.state, row?.outcome?.state], ["dead", "reported"]);
    const [letter, ...others] = await eventually("only the copy is left", async () => {
      const letters = await deployment.deadLetters();
      return letters.length === 1 && letters[0]?.id !== moved?.id && letters;
    });
    assert.deepEqual(others, []);
    assert.equal(letter?.body, moved?.body);
    const note = readNote(letter ?? assert.fail());
    assert.deepEqual([note?.reason, note?.message_id, note?.worker], ["moved_by_sqs", moved?.id, "worker-1"]);
    const noted = await eventually("the run's log says so", async () => {
      const records = await dagster.records(runId);
      return records.find(
        ({ message }) => message === `Message moved to the dead letter queue (moved_by_sqs): ${detail}`,
      );
    });
    const { worker: name, message_id, starts } = noted.metadata;
    assert.deepEqual([name, message_id, starts], ["worker-1", moved?.id, 1]);
    await worker.stop();
  });

  test("a dead letter of SQS gets the retry that its op's policy allows, and the run goes on", async () => {
    const { dagster } = deployment;
    const { trace } = deployment.files();
    const runId = await dagster.launch("counts_runs", {
      ops: { count: { config: { file: trace, failing_attempts: 0 } } },
    });
    await movedBySqs(deployment);
    const worker = await deployment.startWorker({ flags: [...once, "--sweep-interval", "1s"] });
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    await worker.stop();
    const ends = (await dagster.terminalEvents(runId)).map(({ type }) => type);
    assert.deepEqual(ends, ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]);
  });

  test("a parked dead letter of SQS is replayed, and its run ends in success", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("one_success");
    await movedBySqs(deployment);
    await deployment.startWorker({ flags: [...once, "--sweep-interval", "1s", "--on-exhausted", "park"] });
    await eventually("it is parked, and its copy alone is left", async () => {
      const letters = (await deployment.deadLetters()).filter(({ body }) => JSON.parse(body).run_id === runId);
      const [row] = deployment.ledger(runId);
      return row?.state === "dead" && letters.length === 1 && readNote(letters[0] ?? assert.fail()) !== null;
    });
    const shown = await replay(deployment, ["--run", runId, "--json"]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.deepEqual([JSON.parse(shown.stdout).plan, JSON.parse(shown.stdout).verdict], ["send", "parked"]);
    assert.equal(deployment.ledger(runId)[0]?.state, "dead");
    const wish = ["--canary", "1", "--wait", "--yes", "--why", "SQS is well again", "--json"];
    const done = await replay(deployment, ["--run", runId, ...wish]);
    const { end, outcome } = JSON.parse(done.stdout);
    assert.deepEqual([done.code, end, outcome], [0, "sent", "succeeded"], done.stderr);
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.state, row?.starts], ["completed", 1]);
    const left = (await deployment.deadLetters()).filter(({ body }) => JSON.parse(body).run_id === runId);
    assert.deepEqual(left, []);
  });
});

const replay = ({ env }: Deployment, args: readonly string[]) =>
  runTaskiq(["replay", ...args], { ...env, TASKIQ_PYTHON: PYTHON });

/** Receives what the run worker sent, and gives it back, until SQS has had enough of it. */
async function movedBySqs(deployment: Deployment) {
  const { env } = deployment;
  const queue = openSqsQueue({
    queue: { url: env["TASKIQ_QUEUE_URL"] ?? "" },
    deadLetter: null,
    region: env["AWS_REGION"],
    endpoint: env["AWS_ENDPOINT_URL_SQS"],
    credentials: {
      accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
    observe: () => undefined,
  });
  try {
    return await eventually("SQS has moved the message", async () => {
      const found = await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 });
      await queue.extend(found.map(({ receipt }) => ({ receipt, visibilityMs: 0 })));
      const moved = (await deployment.deadLetters()).filter((letter) => readNote(letter) === null);
      return moved.length > 0 && moved;
    });
  } finally {
    await queue.close();
  }
}
