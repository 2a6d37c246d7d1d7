// A dead letter of a Dagster that is too new for this worker: a newer worker's to end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { bench, intervalMs } from "./setup.ts";

test("a letter from a Dagster that is too new stays where SQS put it, so that a made-up version ends no step", async (t) => {
  const { clock, runner, moved, start, logged, rowOf, deadLetters } = bench(t);
  const supported = { oldest: "1.10.21", below: "2" };
  runner.hostVersions = { dagster: "1.13.27", dagsterTaskiq: "0.1.0", supported };
  const body = bodyFor("load", { dagster: "2.0.0" });
  await moved("load", body);
  start();
  await clock.advance(3 * intervalMs);
  assert.ok(logged.messages("delivery.newer_dagster").length > 0, "the sweep has not looked at it");
  assert.deepEqual([runner.reports, await rowOf()], [[], null]);
  assert.deepEqual(
    deadLetters.receive({ max: 10, visibilityMs: 1_000 }).map(({ body }) => body),
    [body],
  );
});
