// Failing dead letters that are open. The run gets its failure even against the step's policy, and
// no other attempt is touched.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mayFail } from "../../../../core/dead-letters/replay/fail.ts";
import { result } from "../../../support/ports/scripted-steps.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { leaseMs } from "../sweep/setup.ts";
import { bench } from "./fail-setup.ts";

const key = "run-1:load";

describe("failing a dead letter", () => {
  test("a parked step that is failed is reopened and ends in failure, whatever its policy and tags say", async (t) => {
    const { parked, inspect, fail, runner, rowOf, verdicts, store, letters } = await bench(t);
    await parked();
    assert.deepEqual(await verdicts(), ["parked"]);
    assert.deepEqual(await fail(await inspect()), ["failed"]);
    assert.deepEqual([runner.log(key), await rowOf()], [["STEP_FAILURE"], ["dead", "reported"]]);
    assert.equal(
      runner.reports.at(-1)?.message,
      "ann gave it up (bad input); before that: moved_by_sqs: SQS moved it to the dead letter queue: it was received too often without an end",
    );
    assert.deepEqual(
      (await store.reopenings(key)).map(({ who, why }) => [who, why]),
      [["ann", "bad input"]],
    );
    assert.deepEqual(
      letters().map(({ reason, state }) => [reason, state]),
      [["failed_by_operator", "visible"]],
    );
    assert.deepEqual(await verdicts(), ["failure_reported"]);
  });

  test("a step whose letter SQS moved can be failed without a sweep", async (t) => {
    const { moved, inspect, fail, runner, verdicts } = await bench(t);
    await moved();
    assert.deepEqual(await fail(await inspect()), ["failed"]);
    assert.deepEqual([runner.log(key), await verdicts()], [["STEP_FAILURE"], ["failure_reported"]]);
  });

  test("a malformed letter whose run and step can be read is failed, and stays as malformed", async (t) => {
    const { moved, inspect, fail, runner, letters } = await bench(t);
    await moved("load", bodyFor("load", { tags: 7 }));
    assert.deepEqual(await fail(await inspect()), ["failed"]);
    assert.deepEqual([runner.log(key), letters()[0]?.reason], [["STEP_FAILURE"], "malformed"]);
  });

  test("a step that was reopened and not yet failed can be failed again", async (t) => {
    const { parked, inspect, fail, runner, store, verdicts } = await bench(t);
    await parked();
    const row = await store.find(key);
    assert.ok(row);
    await store.reopen({ key, fence: row.fence, payloadDigest: null, who: "ann", why: "killed after this" });
    assert.deepEqual(await verdicts(), ["waiting"]);
    assert.deepEqual(await fail(await inspect()), ["failed"]);
    assert.deepEqual(runner.log(key), ["STEP_FAILURE"]);
  });

  test("a step that another operator reopened since the look is left to them", async (t) => {
    const { parked, inspect, fail, runner, store, letters } = await bench(t);
    await parked();
    const seen = await inspect();
    const row = await store.find(key);
    assert.ok(row);
    await store.reopen({ key, fence: row.fence, payloadDigest: null, who: "bob", why: "replays it" });
    assert.deepEqual(await fail(seen), ["changed"]);
    assert.deepEqual([runner.log(key), letters()[0]?.state], [[], "visible"]);
  });

  test("a step that a worker began to run since the look is left alone", async (t) => {
    const { moved, inspect, fail, runner, store, letters } = await bench(t);
    await moved();
    const seen = await inspect();
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    const claim = { key, step, owner: "w", leaseMs: 10 * leaseMs, messageId: "m", payloadDigest: "", receivedAtMs: 0 };
    await store.claim(claim);
    assert.deepEqual(await fail(seen), ["in_hand"]);
    assert.deepEqual([runner.log(key), letters()[0]?.state], [[], "visible"]);
  });

  test("a step that ended since the look records nothing more", async (t) => {
    const { moved, inspect, fail, runner, store } = await bench(t);
    await moved();
    const seen = await inspect();
    const step = { runId: "run-1", stepKey: "load", attempt: 0 };
    const request = { key, step, owner: "w", leaseMs, messageId: "m", payloadDigest: "", receivedAtMs: 0 };
    const claim = await store.claim(request);
    assert.ok(claim.kind === "granted");
    await store.settle({ key, fence: claim.fence }, result("success"));
    assert.deepEqual(await fail(seen), ["ended"]);
    assert.deepEqual(runner.log(key), []);
  });

  test("a failure that cannot be written to Dagster leaves the step open, to be failed again", async (t) => {
    const { moved, inspect, fail, runner, verdicts } = await bench(t);
    await moved();
    const seen = await inspect();
    runner.down = "no such database";
    assert.deepEqual(await fail(seen), ["not_done"]);
    runner.down = null;
    assert.deepEqual(await verdicts(), ["moved"]);
    assert.deepEqual(await fail(await inspect()), ["failed"]);
  });

  test("only a step whose attempt is open and whose run waits can be failed", async (t) => {
    const { moved, inspect, runner, fail } = await bench(t);
    for (const step of ["open", "over"]) await moved(step, bodyFor(step, { run_id: `${step}-run` }));
    await moved("nameless", "{}");
    runner.finishedRuns.add("over-run");
    const seen = await inspect();
    const may = Object.fromEntries(seen.map((one) => [one.letter.step?.stepKey ?? "nameless", mayFail(one)]));
    assert.deepEqual(may, { open: true, over: false, nameless: false });
    const unasked = seen.map((one) => ({ ...one, standing: null }));
    assert.deepEqual([unasked.filter(mayFail), await fail(unasked)], [[], ["not_found", "not_found", "not_found"]]);
    assert.deepEqual(runner.reports, []);
  });
});
