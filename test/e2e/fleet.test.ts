// Two workers, one queue, one ledger: they share the work, and no step is done by both.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";

/** The partitions of the fixture `by_city`. */
const CITIES = ["arendal", "bergen", "bodo", "drammen", "hamar", "molde", "moss", "oslo", "tromso", "voss"];

describe("two workers on one queue", () => {
  let deployment: Deployment;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("two workers share the steps of several runs, each step once", async () => {
    const { dagster } = deployment;
    // One by one: two Dagster processes that set up the same new SQLite storage at once get in each
    // other's way.
    for (const id of ["worker-1", "worker-2"]) await deployment.startWorker({ id, flags: ["--concurrency", "2"] });
    const runs = await Promise.all(
      ["fan_in", "one_success", "fan_in", "one_success"].map((job) => dagster.launch(job)),
    );
    for (const run of runs) assert.equal(await dagster.finished(run), "SUCCESS");
    for (const run of runs) await recordedOnce(deployment, run);
    const rows = deployment.ledger();
    assert.equal(rows.length, 20);
    assert.ok(rows.every(({ state, fence, starts }) => state === "completed" && fence === 1 && starts === 1));
    assert.deepEqual([...new Set(rows.map(({ owner }) => owner))].toSorted(), ["worker-1", "worker-2"]);
    assert.deepEqual(await deployment.deadLetters(), []);
  });

  test("two workers do a backfill, a run for each of many partitions", async () => {
    const { dagster } = deployment;
    const runs = await dagster.backfill("by_city");
    for (const run of runs) assert.equal(await dagster.finished(run), "SUCCESS");
    for (const run of runs) await recordedOnce(deployment, run);
    assert.equal(runs.length, 10);
    for (const asset of ["city_name", "city_letters"]) {
      assert.deepEqual(await dagster.materialized(asset), CITIES);
    }
    const rows = runs.flatMap((run) => deployment.ledger(run));
    assert.ok(rows.every(({ fence, starts }) => fence === 1 && starts === 1));
  });
});
