// What goes over the frames' descriptor, whatever else user code sends there or prints.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { defaultLimits } from "../../core/delivery/limits.ts";
import type { Ending, Term } from "../../core/runner/port.ts";
import { decode } from "../../core/step/envelope.ts";
import { stepHost } from "../support/dagster/step-hosts.ts";
import { endless, granting, never, reportOrder, stepOrder } from "../support/dagster/step-orders.ts";

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/frames/${name}.json`, import.meta.url), "utf8")).frame;

describe("frames", () => {
  test("the frames to the host equal the fixtures of its own tests", async (t) => {
    const { runner } = await stepHost(t, "echoes");
    await runner.start();
    const run = golden("run");
    const decoded = decode(JSON.stringify(run.envelope));
    if (decoded.kind !== "step") assert.fail(`expected the golden envelope to decode, got ${decoded.kind}`);
    const { worker, message_id: messageId, receive_count: receiveCount, starts } = run.delivery;
    const delivery = { worker, messageId, receiveCount, starts, takenOverFrom: null };
    const term: Term = { ...endless, leftMs: () => run.within_ms };
    const limits = { ...defaultLimits, timeoutMs: run.limits.timeout_ms };
    const sent = echoed(
      await runner.execute({ envelope: decoded.envelope, delivery, limits, term }, granting(), never),
    );
    assert.deepEqual(sent, { ...run, id: "1" });

    const report = golden("report-park");
    const { attempt, reason, message } = report;
    const order = reportOrder(decoded.envelope, { attempt, reason, message, park: true, delivery, term });
    assert.deepEqual(echoed(await runner.report(order, granting(), never)), { ...report, id: "2" });
  });

  test("each frame to the host has its own id, also after a new host starts", async (t) => {
    const { runner } = await stepHost(t, "echoes");
    await runner.start();
    const endings = await Promise.all(["a", "b", "c"].map((key) => runner.execute(stepOrder(key), granting(), never)));
    assert.deepEqual(
      endings.map((ending) => echoed(ending)["id"]),
      ["1", "2", "3"],
    );
  });

  test("a broken frame is logged and dropped, and the step keeps its outcome", async (t) => {
    const { runner, logged } = await stepHost(t, "garbage-frames");
    await runner.start();
    const ending = await runner.execute(stepOrder("load"), granting(), never);
    assert.equal(ending.kind === "ended" && ending.result.state, "success");
    assert.deepEqual(logged.messages("host.broken_frame"), [
      "step host sent a broken frame: not JSON: Traceback (most recent call last):",
      'step host sent a broken frame: ask.id: Invalid key: Expected "id" but received undefined',
      'step host sent a broken frame: outcome.outcome.result: Invalid type: Expected Object but received "fine"',
      "step host sent a broken frame: not JSON: \u0000\u0001\u0002",
    ]);
    assert.equal(runner.unavailable(), null);
  });
});

test("a host that floods its output is neither slowed down nor misread", async (t) => {
  const { runner, logged } = await stepHost(t, "floods-stdout");
  await runner.start();
  const ending = await runner.execute(stepOrder("load"), granting(), never);
  assert.equal(ending.kind === "ended" && ending.result.state, "success");
  await runner.stop();
  const lines = logged.messages("host.output");
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
  assert.equal(longest, 8 * 1024);
  assert.ok(lines.includes("… too many lines: the rest of this second is left out"));
  assert.deepEqual(logged.of("host.broken_frame"), []);
});

test("a step's output reaches the log with its key and its job, up to the last line", async (t) => {
  const { runner, logged } = await stepHost(t, "well-behaved", (logs) => [logs]);
  await runner.start();
  await runner.execute(stepOrder("prints"), granting(), never);
  const lines = logged.of("step.output").map(({ key, job, message, stream }) => ({ key, job, message, stream }));
  const expected = (stream: string) => [
    { key: "run-1:prints", job: "nightly", message: `first line of ${stream}`, stream },
    { key: "run-1:prints", job: "nightly", message: `last line of ${stream}, without its end`, stream },
  ];
  assert.deepEqual(
    lines.filter(({ stream }) => stream === "stdout"),
    expected("stdout"),
  );
  assert.deepEqual(
    lines.filter(({ stream }) => stream === "stderr"),
    expected("stderr"),
  );
});

function echoed(ending: Ending): Record<string, unknown> {
  if (ending.kind !== "fault") assert.fail(`expected an echo, got ${JSON.stringify(ending)}`);
  return JSON.parse(ending.error.message) as Record<string, unknown>;
}
