// The status page of the built worker, while it runs a step of a real run and while it stops.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { eventually } from "../support/eventually.ts";
import { announced, Deployment } from "../support/taskiq/deployment.ts";

describe("the status page of a worker", () => {
  let deployment: Deployment;
  let url: string;

  before(async () => {
    deployment = await Deployment.open();
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  test("the status page shows a step while it runs and once it has ended, and ends with the worker", async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const worker = deployment.spawnWorker({ flags: ["--health-port", String(port), "--grace", "60s"] });
    const early = await eventually("it answers", status);
    assert.deepEqual([early.worker, early.queues[0].state, early.slots.busy], ["worker-1", "starting", 0]);
    await worker.said("worker.started");

    const { started, release } = deployment.files();
    const config = { ops: { wait: { config: { started, release } } } };
    const runId = await deployment.dagster.launch("waits_for_file", config);
    const { pid } = await announced(started);
    const [step, ...others] = (await status()).running;
    const { claimed_at_ms: claimedAtMs, running_ms: runningMs, waited_ms: waitedMs, ...known } = step;
    assert.deepEqual(
      [known, others],
      [{ run_id: runId, step_key: "wait", attempt: 0, job: known.job, queue: "steps.fifo", starts: 1, pid }, []],
    );
    assert.ok(waitedMs >= 0 && runningMs >= 0 && Math.abs(claimedAtMs + runningMs - Date.now()) < 60_000);

    worker.signal("SIGTERM");
    await worker.said("worker.stopping");
    const stopping = await status();
    assert.deepEqual([stopping.stopping, stopping.health.ready], [true, { ok: false, why: "stopping" }]);
    assert.equal(stopping.queues[0].state, "stopping");
    writeFileSync(release, "");
    await eventually("the step has ended or the worker has", async () => {
      const seen = await status().catch(() => null);
      if (seen === null) return true;
      const [last] = seen.recent;
      return last?.run_id === runId && last.outcome === "success" && last.job === "waits_for_file";
    });
    assert.deepEqual(await worker.exit(), { code: 0, signal: null });
    await assert.rejects(status());
  });

  test("the page that the bundle serves is whole, and its policy allows its script", async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const worker = deployment.spawnWorker({ flags: ["--health-port", String(port)] });
    const response = await eventually("it answers", () => fetch(url));
    const html = await response.text();
    const script = /<script type="module">(.*)<\/script>/s.exec(html)?.[1] ?? "";
    const hash = createHash("sha256").update(script).digest("base64");
    assert.match(script, /status\.json/);
    assert.ok(response.headers.get("content-security-policy")?.includes(`script-src 'sha256-${hash}'`));
    assert.ok(Buffer.byteLength(html) <= 60 * 1_024);
    await worker.stop();
  });

  test("a worker with --status-page off answers neither the page nor its document", async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const flags = ["--health-port", String(port), "--status-page", "off"];
    const worker = deployment.spawnWorker({ flags });
    await eventually("it answers", () => fetch(`${url}/livez`));
    for (const path of ["/", "/status.json"]) assert.equal((await fetch(`${url}${path}`)).status, 404);
    await worker.stop();
  });

  // biome-ignore lint/suspicious/noExplicitAny: test/unit/status/document.test.ts has its form.
  async function status(): Promise<any> {
    return await (await fetch(`${url}/status.json`)).json();
  }
});
