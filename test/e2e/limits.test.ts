// A step that must not go on is ended whatever it does: by its limits, and by its host when its
// worker is not there to do it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

const said = "the step was ended: it wrote no event and no output for 1 s";

describe("a step that is ended", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;

  before(async () => {
    deployment = await Deployment.open();
    worker = await deployment.startWorker({ flags: ["--max-starts", "2"] });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a hanging step shows where, dies with all below it, and is reported once its starts are used up", async () => {
    const { dagster } = deployment;
    const { started } = deployment.files();
    const runId = await dagster.launch("hangs_in_c", { ops: { hang: { config: { started } } } });
    assert.equal(await dagster.finished(runId), "FAILURE");
    assert.deepEqual(namesBelow(worker, ["sleep"]), [], "its daemons are dead");
    await recordedOnce(deployment, runId);

    const events = await dagster.eventsOf(runId, "hang");
    const kinds = events.filter((type) => ["STEP_START", "STEP_FAILURE", "STEP_UP_FOR_RETRY"].includes(type));
    assert.deepEqual(kinds, ["STEP_START", "STEP_START", "STEP_FAILURE"]);
    const [end] = await dagster.terminalEvents(runId);
    assert.match(end?.error?.message ?? "", /^TimedOut: StepSilent: the step was ended: it wrote no event/);
    const { stderr } = await dagster.computeLog(runId, "hang");
    const order = ["about to hang", "taskiq ends the step", "most recent call first", "in hang"];
    const places = order.map((text) => stderr.indexOf(text));
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? -1)),
      stderr,
    );

    const [row] = deployment.ledger(runId);
    assert.deepEqual([row?.state, row?.outcome?.state, row?.starts], ["dead", "reported", 2]);
    const [letter] = await deployment.deadLetters();
    const note = letter === undefined ? null : readNote(letter);
    assert.deepEqual(
      [note?.reason, note?.detail, note?.error_class],
      ["timed_out", `StepSilent: ${said}`, "StepSilent"],
    );
    assert.equal(worker.count("step.over_limit"), 2);
  });

  test("a frozen worker's step is dead before another may claim it, and records nothing", async () => {
    const { dagster } = deployment;
    const files = deployment.files();
    const config = { ops: { wait_with_child: { config: { started: files.started, release: files.release } } } };
    const runId = await dagster.launch("waits_with_child", config);
    const { pid } = await announced(files.started);
    const child = await eventually("its child runs", () => worker.processes().find(({ parent }) => parent === pid));
    worker.signal("SIGSTOP");
    try {
      const alive = () => worker.processes().filter((one) => [pid, child.pid].includes(one.pid));
      await eventually("the step is dead, while its worker stands still", () => alive().length === 0, 15_000);
      assert.match(readFileSync(`/proc/${worker.pid}/stat`, "utf8"), /\) T /);
      assert.deepEqual(
        deployment.ledger(runId).map(({ state, fence }) => [state, fence]),
        [["running", 1]],
      );
    } finally {
      worker.signal("SIGCONT");
    }
    await worker.said("lease.lost");
    await eventually("it runs again", async () => (await announced(files.started)).pid !== pid, 30_000);
    writeFileSync(files.release, "");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(
      deployment.ledger(runId).map(({ state, starts, fence }) => [state, starts, fence]),
      [["completed", 2, 2]],
    );
  });
});

function namesBelow(worker: WorkerProcess, programs: readonly string[]): readonly string[] {
  return worker.processes().flatMap(({ command }) => programs.filter((program) => command.startsWith(program)));
}
