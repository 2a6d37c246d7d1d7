// A worker with another Dagster home at the same queue: it neither acks nor settles what is not its
// own, and the right worker runs it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

describe("a worker of another Dagster instance", () => {
  const otherHome = mkdtempSync(join(tmpdir(), "taskiq-e2e-other-"));
  let deployment: Deployment;

  before(async () => {
    writeFileSync(join(otherHome, "dagster.yaml"), "telemetry:\n  enabled: false\n");
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(async () => {
    await deployment.close();
    rmSync(otherHome, { recursive: true, force: true });
  });

  test("a worker of another instance gives steps and unknown runs back, and the right worker runs the step", async () => {
    const { dagster, env } = deployment;
    // The ledger is shared, as a database would be: nothing may be settled in it.
    const flags = ["--ledger-url", `sqlite:${join(env["DAGSTER_HOME"] ?? "", "taskiq.sqlite")}`];
    const other = await deployment.startWorker({ id: "other", env: { DAGSTER_HOME: otherHome }, flags });
    const runId = await dagster.launch("one_success");
    const unknown = JSON.stringify({ run_id: "deleted-long-ago", step_key: "load", retry_count: 0 });
    await deployment.send({ body: unknown, groupId: "unknown", deduplicationId: "unknown" });
    await eventually(
      "both are given back",
      () => other.count("delivery.other_instance") > 0 && other.count("step.unknown_run") > 0,
      60_000,
    );
    const [error] = other.log.filter(({ event }) => event === "delivery.other_instance");
    assert.match(
      String(error?.["message"]),
      /it names Dagster instance [\w-]{36}, and this worker runs steps of instance [\w-]{36}/,
    );
    assert.deepEqual(await other.stop(), { code: 0, signal: null });
    assert.deepEqual(
      deployment.ledger().map(({ key, state, starts }) => [key, state, starts]),
      [["deleted-long-ago:load", "pending", 0]],
    );
    assert.deepEqual([(await deployment.queued()).length, await deployment.deadLetters()], [2, []]);
    await deployment.startWorker();
    assert.equal(await dagster.finished(runId), "SUCCESS");
    await eventually("it is settled", () => deployment.ledger(runId)[0]?.state === "completed");
    await eventually("only the unknown run's message is left", async () => (await deployment.queued()).length === 1);
  });
});
