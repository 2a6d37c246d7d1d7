// A step that takes its process down: its starts are counted, its end is reported, its run ends,
// and its neighbours hear nothing of it.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

const died = "StepProcessDied: the step process exited with code 3 before it had an outcome";

describe("a step that calls os._exit", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    deployment = await Deployment.open();
    worker = await deployment.startWorker({ env: { TASKIQ_MAX_STARTS: "2" } });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a step that crashes fails in Dagster and becomes a dead letter once its starts are used up", async () => {
    const { dagster } = deployment;
    const crashing = await dagster.launch("exits_hard");
    const neighbour = await dagster.launch("fan_in");
    assert.equal(await dagster.finished(crashing), "FAILURE");
    assert.equal(await dagster.finished(neighbour), "SUCCESS");
    await recordedOnce(deployment, crashing);
    await recordedOnce(deployment, neighbour);

    const [row] = deployment.ledger(crashing);
    assert.deepEqual([row?.state, row?.outcome?.state, row?.starts], ["dead", "reported", 2]);
    const events = await dagster.eventsOf(crashing, "exit_hard");
    assert.deepEqual(
      events.filter((type) => ["STEP_START", "STEP_FAILURE"].includes(type)),
      ["STEP_START", "STEP_START", "STEP_FAILURE"],
    );
    const [end] = await dagster.terminalEvents(crashing);
    assert.match(end?.error?.message ?? "", /the step process exited with code 3 before it had an outcome/);

    const error = { error_class: "StepProcessDied", error_message: died.replace("StepProcessDied: ", "") };
    const delivery = { worker: "worker-1", message_id: row?.messageId, attempt: 0, ...error };
    // Nothing waits for these events, so they may come after everything else.
    const released = worker.log.find(({ event }) => event === "step.requeued");
    const seconds = Number(released?.["visibility_ms"]) / 1_000;
    const span = seconds < 1 ? `${seconds * 1_000} ms` : `${Math.round(seconds)} s`;
    const noted = await eventually("both are in the log of the run", async () => {
      const records = await dagster.records(crashing);
      const found = records.filter(({ type, message }) => type === "ENGINE_EVENT" && message.includes("queue"));
      return found.length === 2 && found;
    });
    assert.deepEqual(
      noted.map(({ message, metadata }) => [message, metadata]),
      [
        [`Step goes back to the queue for ${span}: ${died}`, { ...delivery, receive_count: 1, starts: 1 }],
        [`Message moved to the dead letter queue (step_fault): ${died}`, { ...delivery, receive_count: 2, starts: 2 }],
      ],
    );

    const [dead, ...others] = await deployment.deadLetters();
    assert.deepEqual(others, []);
    assert.equal(JSON.parse(dead?.body ?? "").run_id, crashing);
    const note = dead === undefined ? null : readNote(dead);
    assert.deepEqual(
      [note?.reason, note?.detail, note?.error_class, note?.starts, note?.worker],
      ["step_fault", died, "StepProcessDied", 2, "worker-1"],
    );
    assert.equal(
      deployment.ledger(neighbour).every(({ starts }) => starts === 1),
      true,
    );
    assert.equal(worker.count("host.lost"), 0, "the step host outlives its steps");
  });
});
