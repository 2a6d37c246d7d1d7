// What operators read of code locations that cannot be forked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocationAdvice } from "../../../core/runner/location-advice.ts";
import { Observations } from "../../support/observations.ts";

test("a location is named with what it left behind and what to change, until an import leaves nothing", () => {
  const said = new Observations();
  const advice = new LocationAdvice(said.observe);
  advice.hear("north", ["thread poller", "a connection to 10.0.0.5 port 5432"]);
  advice.hear("south", []);
  const sentence =
    "code location north: each step starts a new Python, which takes seconds, because its code holds what a fork would " +
    "break: thread poller, a connection to 10.0.0.5 port 5432. Make that in the op or resource that uses it, or tag the ops " +
    "taskiq/isolation: fork";
  assert.deepEqual(advice.sentences(), [sentence]);
  advice.begin();
  assert.deepEqual(advice.sentences(), []);
  advice.hear("north", ["thread poller", "a connection to 10.0.0.5 port 5432"]);
  assert.deepEqual(said.messages("host.location_unforkable"), [sentence], "the log repeats it");
  advice.hear("north", []);
  assert.deepEqual(advice.sentences(), []);
});
