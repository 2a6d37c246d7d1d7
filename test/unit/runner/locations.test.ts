// What is logged of code locations, and what operators read of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ready } from "../../../core/runner/frames.ts";
import { CodeLocations } from "../../../core/runner/locations.ts";
import { Observations } from "../../support/observations.ts";

const ready: Ready = {
  type: "ready",
  protocol: 1,
  pid: 7,
  dagster: "1.13.27",
  dagster_taskiq: "0.1.0",
  python: "3.11.7",
  instance: null,
  dagster_range: null,
  locations: [{ name: "north", error: null, unforkable: [] }],
};

test("a location that has left a thread behind since its import is advised about and not logged as imported", () => {
  const said = new Observations();
  const locations = new CodeLocations(said.observe);
  locations.begin(ready);
  const unforkable = ["thread poller (since a job was built)"];
  locations.hear({ type: "location", name: "north", error: null, changed: null, unforkable });
  assert.deepEqual(said.messages("host.location_imported"), []);
  assert.match(
    locations.advice().join(),
    /^code location north: .* thread poller \(since a job was built\)\. Make that in/,
  );
});
