// Calls that fail again and again are logged when that begins and when it is over.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../core/faults.ts";
import type { RepeatedObservation } from "../../core/observe.ts";
import { Outages } from "../../core/outages.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { Observations } from "../support/observations.ts";

const failed = (message: string): RepeatedObservation => ({ event: "sweep.failed", level: "warn", message });
const denied = new Fault("TQ_QUEUE_DENIED", "denied");
const away = new Fault("TQ_QUEUE", "away");

test("an outage is one line for each cause, and one when the call works again", async () => {
  const [clock, logged] = [new ManualClock(), new Observations()];
  const outages = new Outages({ clock, observe: logged.observe });
  for (let i = 1; i <= 60; i += 1) {
    outages.failed("DeleteMessage", denied, failed(`denied ${i}`));
    outages.failed("DeleteMessage", away, failed(`away ${i}`));
    outages.failed("ReceiveMessage", denied, failed(`other ${i}`));
    await clock.advance(1_000);
  }
  outages.worked("DeleteMessage");
  outages.worked("DeleteMessage");
  assert.deepEqual(logged.shown("sweep.failed"), ["denied 1", "away 1", "other 1"]);
  assert.deepEqual(logged.messages("outage.over"), [
    "DeleteMessage works again after 60 s, in which it failed 120 times",
  ]);
  outages.failed("DeleteMessage", denied, failed("denied again"));
  assert.equal(logged.shown("sweep.failed").at(-1), "denied again");
});
