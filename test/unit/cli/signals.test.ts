// Signals are only noted: the first asks for quiet, the second for an end.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { listenForStop, type StopSignal } from "../../../cli/signals.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { Observations } from "../../support/observations.ts";

function listening() {
  const source = new EventEmitter();
  const clock = new ManualClock();
  const observations = new Observations();
  const stop = listenForStop(source, clock, observations.observe);
  return { source, clock, observations, stop };
}

describe("what signals ask for", () => {
  const rows: readonly [string, readonly (StopSignal | number)[], string | null, string | null][] = [
    ["no signal", [], null, null],
    ["SIGTERM", ["SIGTERM"], "SIGTERM", null],
    ["SIGINT", ["SIGINT"], "SIGINT", null],
    ["SIGTERM twice", ["SIGTERM", "SIGTERM"], "SIGTERM", "SIGTERM"],
    ["SIGINT, then SIGTERM", ["SIGINT", "SIGTERM"], "SIGINT", "SIGTERM"],
    ["a Ctrl-C that arrives twice", ["SIGINT", 20, "SIGINT"], "SIGINT", null],
    ["a second Ctrl-C", ["SIGINT", 150, "SIGINT"], "SIGINT", "SIGINT"],
    ["a second Ctrl-C that arrives twice", ["SIGINT", 20, "SIGINT", 500, "SIGINT", 20, "SIGINT"], "SIGINT", "SIGINT"],
    ["SIGTERM three times", ["SIGTERM", "SIGTERM", "SIGTERM"], "SIGTERM", "SIGTERM"],
  ];
  for (const [name, given, quiet, now] of rows) {
    test(`the signals ask for ${quiet === null ? "no stop" : `a stop by ${quiet}`} and ${now === null ? "no end" : `an end by ${now}`}: ${name}`, async () => {
      const { source, clock, stop } = listening();
      for (const one of given) {
        if (typeof one === "number") await clock.advance(one);
        else source.emit(one);
      }
      const asked = [stop.quiet, stop.now].map((signal) => (signal.aborted ? signal.reason : null));
      assert.deepEqual(asked, [quiet, now]);
    });
  }
});

test("each stage of a stop is logged once", () => {
  const { source, observations } = listening();
  for (let i = 0; i < 4; i += 1) source.emit("SIGTERM");
  assert.deepEqual(observations.messages("worker.signal"), [
    "SIGTERM: taking no new steps; running steps may finish, and a second signal ends them at once",
    "SIGTERM again: ending what still runs",
  ]);
});

test("a closed listener hears no signal", () => {
  const { source, stop } = listening();
  stop.close();
  assert.deepEqual(source.eventNames(), []);
  assert.equal(source.emit("SIGTERM"), false);
  assert.equal(stop.quiet.aborted, false);
});
