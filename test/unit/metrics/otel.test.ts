// The meter over OpenTelemetry's SDK: the text that Prometheus reads, and what a receiver gets.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { openMeter } from "../../../core/metrics/otel.ts";
import { metrics } from "../../../core/metrics/table.ts";

const options = { version: "1.2.3", worker: "w-1", otlp: false };

test("the text has each metric with its help, its unit and its labels", async () => {
  const meter = openMeter(options);
  meter.count("taskiq.steps", { queue: "steps", outcome: "success", job: "" });
  meter.count("taskiq.steps", { queue: "steps", outcome: "success", job: "" });
  meter.record("taskiq.delivery.receives", 2, { queue: "steps" });
  meter.gauge("taskiq.slots", () => [
    { value: 3, labels: { state: "busy" } },
    { value: 1, labels: { state: "free" } },
  ]);
  const [, , , ...lines] = (await meter.text()).trimEnd().split("\n");
  assert.deepEqual(lines, [
    "# HELP taskiq_steps_total Outcomes that this worker recorded in the ledger.",
    "# UNIT taskiq_steps_total 1",
    "# TYPE taskiq_steps_total counter",
    'taskiq_steps_total{queue="steps",outcome="success"} 2',
    "# HELP taskiq_delivery_receives How often SQS had handed out a message when it was deleted.",
    "# UNIT taskiq_delivery_receives 1",
    "# TYPE taskiq_delivery_receives histogram",
    'taskiq_delivery_receives_count{queue="steps"} 1',
    'taskiq_delivery_receives_sum{queue="steps"} 2',
    'taskiq_delivery_receives_bucket{queue="steps",le="1"} 0',
    ...["2", "3", "5", "10", "20", "50", "+Inf"].map(
      (bound) => `taskiq_delivery_receives_bucket{queue="steps",le="${bound}"} 1`,
    ),
    "# HELP taskiq_slots Slots of this worker that are `busy` with a step, and that are `free`.",
    "# UNIT taskiq_slots 1",
    "# TYPE taskiq_slots gauge",
    'taskiq_slots{state="busy"} 3',
    'taskiq_slots{state="free"} 1',
  ]);
});

test("a second collection shows totals, not what came since the first", async () => {
  const meter = openMeter(options);
  meter.count("taskiq.bugs", {});
  await meter.text();
  meter.count("taskiq.bugs", {});
  assert.match(await meter.text(), /^taskiq_bugs_total 2$/m);
});

test("the receiver that the OTEL variables name gets the metrics at the latest when the meter closes", async (t) => {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(`${request.url} ${Buffer.concat(chunks)}`);
    response.setHeader("content-type", "application/json").end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  withVariable(t, "OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  withVariable(t, "OTEL_SERVICE_NAME", "nightly-workers");
  const meter = openMeter({ ...options, otlp: true });
  meter.count("taskiq.dead_letters", { queue: "steps", reason: "crash_loop" });
  await meter.close(5_000);
  assert.equal(bodies.length, 1);
  const [body = ""] = bodies;
  assert.match(body, /^\/v1\/metrics /);
  for (const part of ["taskiq.dead_letters", "crash_loop", "nightly-workers", "w-1"])
    assert.ok(body.includes(part), part);
});

test("a receiver that does not answer makes the close reject after its time", async (t) => {
  const server = createServer(() => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  withVariable(t, "OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  // Otherwise the exporter keeps this process for 10 s.
  withVariable(t, "OTEL_EXPORTER_OTLP_TIMEOUT", "200");
  const meter = openMeter({ ...options, otlp: true });
  meter.count("taskiq.bugs", {});
  await assert.rejects(meter.close(100), /timed out/);
});

test("every metric of the table can be measured by the meter", async () => {
  const meter = openMeter(options);
  for (const [name, { kind, labels }] of metrics) {
    const filled = Object.fromEntries(labels.map((label) => [label, "x"])) as never;
    if (kind === "counter") meter.count(name as "taskiq.bugs", filled);
    else if (kind === "histogram") meter.record(name as "taskiq.step.wait", 1, filled);
    else meter.gauge(name as "taskiq.slots", () => [{ value: 1, labels: filled }]);
  }
  const shown = (await meter.text()).match(/^# TYPE \S+/gm) ?? [];
  assert.equal(shown.length, metrics.size + 1); // and target_info
});

function withVariable(t: TestContext, name: string, value: string): void {
  process.env[name] = value;
  t.after(() => {
    delete process.env[name];
  });
}
