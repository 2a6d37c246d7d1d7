// What the end of a process adds up to when host or kernel ended it, with and without an outcome.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Outcome } from "../../../core/runner/frames.ts";
import type { Ending } from "../../../core/runner/port.ts";
import { endingOf, type WorkEnd } from "../../../core/runner/work.ts";
import { errorInfo } from "../../support/ports/scripted-steps.ts";

const times = { started_at: 1, completed_at: 2, execution_time_seconds: 1 };
const success = { state: "success", output: null, error: null, ...times } as const;
const wrote: Outcome = { kind: "success", result: success };
const ended: Ending = { kind: "ended", result: success, wrote: true, cutShort: "it was too much" };
const refused: Outcome = { kind: "permit_refused" };
const fault: Outcome = { kind: "fault", scope: "step", error: errorInfo("DagsterExecutionInterruptedError", "") };

const endFor = (cause: string): WorkEnd => {
  const killed = { cause, message: "it was too much" };
  return { how: "exited", code: null, signal: "SIGKILL", killed };
};
const endingFor = (cause: string, outcome: Outcome | null = null, interrupted = false) =>
  endingOf({ pid: 4711, outcome }, endFor(cause), interrupted);

for (const [limit, name] of [
  ["timed_out", "StepTimedOut"],
  ["silent", "StepSilent"],
  ["output", "StepOutputTooLong"],
  ["processes", "StepTooManyProcesses"],
] as const) {
  const message = "the step was ended: it was too much";
  const overLimit: Ending = { kind: "over_limit", limit, error: { class: name, message, traceback: "" } };

  describe(`a step that was ended for ${limit}`, () => {
    test(`a step ended for ${limit} says which limit it was over`, () => assert.deepEqual(endingFor(limit), overLimit));
    test(`a step ended for ${limit} does not end as the interrupt made it`, () =>
      assert.deepEqual(endingFor(limit, fault), overLimit));
    test(`a step ended for ${limit} keeps what it had recorded, and says what cut it short`, () =>
      assert.deepEqual(endingFor(limit, wrote), ended));
    test(`a step ended for ${limit} has lost its claim when the worker says so`, () =>
      assert.deepEqual(endingFor(limit, refused), refused));
    test(`a step ended for ${limit} is interrupted when the worker ended it, too`, () => {
      assert.deepEqual(endingFor(limit, null, true), { kind: "interrupted" });
    });
  });
}

describe("a process whose term ended", () => {
  test("a step whose term ended has expired", () => assert.deepEqual(endingFor("expired"), { kind: "expired" }));
  test("a step whose term ended keeps what it had recorded, and says what cut it short", () =>
    assert.deepEqual(endingFor("expired", wrote), ended));
});

describe("a process that was killed", () => {
  const died = (hint: string) => `the step process was killed by SIGKILL before it had an outcome (${hint})`;
  const messageFor = (cause: string) => {
    const ending = endingFor(cause);
    return ending.kind === "fault" && `${ending.scope} ${ending.error.class} ${ending.error.message}`;
  };

  test("a process killed for want of memory says so when the kernel does", () => {
    assert.equal(messageFor("out_of_memory"), `step StepProcessDied ${died("out of memory: it was too much")}`);
  });
  test("a process killed for a cause that only a newer host knows has died", () => {
    assert.equal(messageFor("boredom"), `step StepProcessDied ${died("out of memory?")}`);
  });
});
