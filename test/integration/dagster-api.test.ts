// Our questions are Dagster's: its own web server answers them.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { openDagsterApi } from "../../core/dagster/api.ts";
import type { DagsterApi } from "../../core/dagster/port.ts";
import { DagsterWebserver } from "../support/dagster/dagster-webserver.ts";

describe("Dagster's web server", () => {
  const home = mkdtempSync(join(tmpdir(), "taskiq-webserver-"));
  let server: DagsterWebserver;
  let dagster: DagsterApi;

  before(async () => {
    server = await DagsterWebserver.start(home);
    dagster = openDagsterApi({ url: server.url, headers: [], ca: null, answerMs: 60_000 }, systemClock);
  });
  after(async () => {
    await dagster?.close();
    await server?.stop();
    rmSync(home, { recursive: true });
  });

  test("Dagster's web server re-executes a failed run from failure, and knows the re-execution afterwards", async () => {
    const runId = await server.failedRun();
    assert.deepEqual(await dagster.findRun(runId), { status: "FAILURE", reexecution: null, unlaunched: null });
    const end = await dagster.reexecuteFromFailure(runId);
    assert.ok(end.kind === "launched", JSON.stringify(end));
    assert.deepEqual(await dagster.findRun(runId), {
      status: "FAILURE",
      reexecution: { runId: end.run.runId, status: "FAILURE" },
      unlaunched: null,
    });
    const again = await server.run(end.run.runId);
    assert.deepEqual(again.steps, ["second"], "what had succeeded is not run again");
    assert.equal(again.tags["taskiq/reexecution_of"], runId);
  });

  test("Dagster's web server knows no run of another instance, and says why it does not re-execute it", async () => {
    const nobodys = "00000000-0000-4000-8000-000000000000";
    assert.equal(await dagster.findRun(nobodys), null);
    const end = await dagster.reexecuteFromFailure(nobodys);
    assert.match(
      JSON.stringify(end),
      /"kind":"refused","why":"Dagster failed: .*CheckError: .*Could not find parent run/,
    );
  });
});
