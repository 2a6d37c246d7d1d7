// Runs of real jobs through one worker: whatever a step does, Dagster's log and the ledger say the
// same, once, before the message goes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { queueNameOf } from "../../core/queue/queue-place.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import type { LogRecord, WorkerProcess } from "../support/taskiq/worker-process.ts";

describe("a run", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;
  let healthPort: number;

  before(async () => {
    deployment = await Deployment.open();
    healthPort = await freePort();
    worker = await deployment.startWorker({ flags: ["--concurrency", "4", "--health-port", String(healthPort)] });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("a run of the sample job succeeds: fan-out, fan-in, a retry, an asset", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("weather_report");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(
      (await dagster.eventsOf(runId, "published_page")).filter((type) => /^STEP_(?!WORKER|OUTPUT|INPUT)/.test(type)),
      ["STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_SUCCESS"],
    );
    const materialized = (await dagster.records(runId)).filter(({ type }) => type === "ASSET_MATERIALIZATION");
    const published = materialized.find(({ step }) => step === "published_page");
    assert.equal(published?.metadata["attempt"], 2);
    assert.match(String(published?.metadata["path"]), /weather\.md$/);
    assert.deepEqual(materialized.map(({ step }) => step).toSorted(), [
      "published_page",
      "weather.compare",
      "weather_page",
    ]);
    // find_stations, six of summarize, compare, weather_page, and published_page twice
    assert.equal(deployment.ledger(runId).length, 11);
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  test("the worker's metrics have counted each of these steps, and nothing else", async () => {
    const shown = async () => {
      const text = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
      return new Map(text.split("\n").map((line) => [line.slice(0, line.lastIndexOf(" ")), line.split(" ").at(-1)]));
    };
    const queue = `queue="${queueNameOf(deployment.env["TASKIQ_QUEUE_URL"] ?? "")}"`;
    const acked = `taskiq_deliveries_total{${queue},disposition="acked"}`;
    await eventually("all messages are deleted", async () => (await shown()).get(acked) === "11");
    const metrics = await shown();
    const counted = [...metrics].filter(([series]) => /^taskiq_\w+_(?:total|count)\b/.test(series));
    const ledger = /^taskiq_ledger_operation_seconds_count\{operation="(?:claim|permit|settle)"\}$/;
    assert.deepEqual(
      counted.filter(([series]) => !series.startsWith("taskiq_ledger_") || ledger.test(series)).toSorted(),
      [
        [acked, "11"],
        [`taskiq_delivery_receives_count{${queue}}`, "11"],
        ['taskiq_ledger_operation_seconds_count{operation="claim"}', "11"],
        ['taskiq_ledger_operation_seconds_count{operation="permit"}', "11"],
        ['taskiq_ledger_operation_seconds_count{operation="settle"}', "11"],
        ...["claim", "delete", "settle", "start"].map((part) => [
          `taskiq_step_overhead_seconds_count{part="${part}"}`,
          "11",
        ]),
        [`taskiq_step_run_seconds_count{${queue},outcome="success"}`, "10"],
        [`taskiq_step_run_seconds_count{${queue},outcome="up_for_retry"}`, "1"],
        [`taskiq_step_wait_seconds_count{${queue}}`, "11"],
        [`taskiq_steps_total{${queue},outcome="success"}`, "10"],
        [`taskiq_steps_total{${queue},outcome="up_for_retry"}`, "1"],
      ],
    );
    assert.equal(metrics.get('taskiq_slots{state="free"}'), "4");
    assert.equal(metrics.get("taskiq_worker_open"), "1");
  });

  test("a run has each step's events in Dagster's own order", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("one_success");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const events = await dagster.eventsOf(runId, "succeed");
    assert.deepEqual(
      events.filter((type) => type !== "ENGINE_EVENT"),
      [
        "STEP_WORKER_STARTING",
        "STEP_WORKER_STARTED",
        "RESOURCE_INIT_STARTED",
        "RESOURCE_INIT_SUCCESS",
        "STEP_START",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
      ],
    );
    // It belongs to the process, so it names no step.
    const captures = (await dagster.records(runId)).filter(({ type }) => type === "LOGS_CAPTURED");
    assert.equal(captures.length, 1);
    const [row] = deployment.ledger(runId);
    assert.equal(row?.key, `${runId}:succeed`);
    assert.equal(row?.owner, "worker-1");
    assert.equal(row?.starts, 1);
    assert.deepEqual(row?.outcome?.output, { outputs: ["result"], assets: [] });
  });

  test("a run says in Dagster which worker claimed a step, by which message", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("one_success");
    assert.equal(await dagster.finished(runId), "SUCCESS");
    const records = await dagster.records(runId);
    const claimed = records.find(({ message }) => message === "Claimed by worker worker-1: start 1.");
    const [row] = deployment.ledger(runId);
    const delivery = { worker: "worker-1", message_id: row?.messageId, receive_count: 1 };
    assert.deepEqual(claimed?.metadata, { ...delivery, attempt: 0, starts: 1 });
  });

  test("a run of fifty steps at concurrency 4 records each of them once", async () => {
    const runId = await deployment.dagster.launch("fan_out_fifty");
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    const rows = deployment.ledger(runId);
    assert.equal(rows.length, 50);
    assert.ok(rows.every(({ state, fence, starts }) => state === "completed" && fence === 1 && starts === 1));
    const atOnce = mostAtOnce(worker.log.filter(({ run_id }) => run_id === runId));
    assert.ok(atOnce > 1 && atOnce <= 4, `${atOnce} ran at once`);
  });

  test("a run whose op raises has the traceback in Dagster and in the ledger, and no dead letter", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("one_failure");
    assert.equal(await dagster.finished(runId), "FAILURE");
    await recordedOnce(deployment, runId);
    const [failure] = await dagster.terminalEvents(runId);
    assert.equal(failure?.type, "STEP_FAILURE");
    assert.match(failure?.error?.text ?? "", /BarometerError: the barometer reads 'low', expected hPa/);
    const [row] = deployment.ledger(runId);
    assert.equal(row?.state, "failed");
    assert.equal(row?.outcome?.state, "failure");
    const error = row?.outcome?.error;
    assert.equal(error?.class, "BarometerError");
    assert.match(error?.traceback ?? "", /in read_barometer\n.*raise BarometerError/s);
    assert.match(error?.traceback ?? "", /ValueError: invalid literal for int\(\)/, "the cause is there too");
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  test("a run whose resource cannot be set up leaves the step's failure to Dagster's executor", async () => {
    const { dagster } = deployment;
    const runId = await dagster.launch("resource_fails");
    assert.equal(await dagster.finished(runId), "FAILURE");
    await recordedOnce(deployment, runId);
    const ends = (await dagster.eventsOf(runId, "read_satellite")).filter((type) =>
      ["RESOURCE_INIT_FAILURE", "STEP_FAILURE"].includes(type),
    );
    assert.deepEqual(ends, ["RESOURCE_INIT_FAILURE", "STEP_FAILURE"]);
    const [row] = deployment.ledger(runId);
    assert.equal(row?.state, "failed");
    assert.equal(row?.outcome?.state, "resource_init_failure");
    assert.match(row?.outcome?.error?.traceback ?? "", /satellite NOAA-99 does not answer/);
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  test("a run with retries runs the op once per attempt", async () => {
    const { trace } = deployment.files();
    const runId = await deployment.dagster.launch("counts_runs", {
      ops: { count: { config: { file: trace, failing_attempts: 2 } } },
    });
    assert.equal(await deployment.dagster.finished(runId), "SUCCESS");
    await recordedOnce(deployment, runId);
    assert.deepEqual(attemptsIn(trace), [0, 1, 2]);
    assert.deepEqual(
      deployment.ledger(runId).map(({ key, state }) => [key, state]),
      [
        [`${runId}:count`, "failed"],
        [`${runId}:count:1`, "failed"],
        [`${runId}:count:2`, "completed"],
      ],
    );
  });

  test("ordinary runs leave nothing unusual in the worker's log", () => {
    // What a step prints has the level of its own record.
    const ours = worker.log.filter(({ event }) => event !== "step.output" && event !== "host.output");
    const unusual = ours.filter(({ level, event }) => level === "error" || event === "not-json");
    assert.deepEqual(unusual, []);
  });
});

/** How many of them ran at the same time, at most. */
function mostAtOnce(log: readonly LogRecord[]): number {
  let [running, most] = [0, 0];
  for (const { event } of log) {
    if (event === "step.claimed") running += 1;
    if (event === "step.ended") running -= 1;
    most = Math.max(most, running);
  }
  return most;
}

/** The attempts that left a line, in order. */
function attemptsIn(trace: string): readonly number[] {
  return readFileSync(trace, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split(" ")[0]));
}
