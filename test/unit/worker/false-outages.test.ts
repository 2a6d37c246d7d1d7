// Steps that claim an outage which is none: user code shares their process, and may say so at each
// start.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faults } from "../../support/ports/scripted-steps.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const about = (step: string) => message(step, { body: bodyFor(step) });
const minute = 60_000;

describe("steps whose processes claim, at each start,", () => {
  for (const [what, script, said] of [
    ["that Dagster's storage failed", faults("instance", "Lie"), "Lie: cannot be run"],
    ["that their code cannot be imported", faults("location", "Lie"), null],
  ] as const) {
    test(`steps whose processes claim ${what} at each start go back alone, and stop no other step`, async (t) => {
      const { clock, queue, runner, logged, worker } = bench(t);
      const hostile = Array.from({ length: 8 }, (_, i) => `hostile_${i}`);
      for (const step of hostile) runner.scripts.set(step, script);
      const others = Array.from({ length: 40 }, (_, i) => `other_${i}`);
      queue.offer(...hostile.map(about), ...others.map(about));
      await clock.advance(minute);
      assert.deepEqual(queue.acked.sort(), others.map((step) => `${step}#1`).sort());
      assert.deepEqual([logged.of("intake.closed"), worker.snapshot().closedBecause, queue.buried], [[], null, []]);
      const notices = runner.notices.filter(({ stepKey }) => stepKey === "hostile_0").map(({ message }) => message);
      assert.equal(
        notices.some((message) => said !== null && message.endsWith(`could write this event there: ${said}`)),
        said !== null,
      );
    });
  }
});
