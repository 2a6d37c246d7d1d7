// What an outcome, the way a process ended, and our own wish to end it add up to.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Outcome } from "../../../core/runner/frames.ts";
import type { Ending, Permit, ProbeFailure } from "../../../core/runner/port.ts";
import { endingOf, probeFailureOf, Work, type WorkEnd } from "../../../core/runner/work.ts";
import type { ErrorInfo } from "../../../core/step/step.ts";

const error: ErrorInfo = { class: "CheckError", message: "no such step", traceback: "…" };
const result = {
  state: "success",
  output: null,
  error: null,
  started_at: 1,
  completed_at: 2,
  execution_time_seconds: 1,
} as const;

const exited: WorkEnd = { how: "exited", code: 0, signal: null };
const lost: WorkEnd = { how: "host_lost", detail: "signal SIGKILL" };
const died = (message: string): Ending => ({
  kind: "fault",
  scope: "step",
  error: { class: "StepProcessDied", message, traceback: "" },
});
const hostLost = (scope: "host" | "step"): Ending => ({
  kind: "fault",
  scope,
  error: { class: "StepHostLost", message: "the step host ended (signal SIGKILL)", traceback: "" },
});

interface Row {
  readonly what: string;
  readonly outcome: Outcome | null;
  readonly end: WorkEnd;
  readonly interrupted?: boolean;
  readonly started?: boolean;
  readonly ending: Ending;
}

const wrote = (["success", "failure", "up_for_retry", "resource_init_failure", "reported", "parked"] as const).map(
  (kind): Row => ({
    what: kind,
    outcome: { kind, result },
    end: exited,
    ending: { kind: "ended", result, wrote: true },
  }),
);
const settled: Row = {
  what: "success, settled with its event",
  outcome: { kind: "success", result, settled: true },
  end: exited,
  ending: { kind: "ended", result, wrote: true, settled: true },
};
const stood = (["already_recorded", "run_over"] as const).map(
  (kind): Row => ({
    what: kind,
    outcome: { kind, result },
    end: exited,
    ending: { kind: "ended", result, wrote: false },
  }),
);
const faults = (["step", "location", "instance"] as const).map(
  (scope): Row => ({
    what: `a fault of the ${scope}`,
    outcome: { kind: "fault", scope, error },
    end: exited,
    ending: { kind: "fault", scope, error },
  }),
);

const rows: readonly Row[] = [
  ...wrote,
  settled,
  ...stood,
  ...faults,
  { what: "a refused permit", outcome: { kind: "permit_refused" }, end: exited, ending: { kind: "permit_refused" } },
  {
    what: "a refused rerun",
    outcome: { kind: "rerun_refused", error },
    end: exited,
    ending: { kind: "rerun_refused", error },
  },
  {
    what: "an outcome, then death in a hook",
    outcome: { kind: "success", result },
    end: { how: "exited", code: null, signal: "SIGSEGV" },
    ending: { kind: "ended", result, wrote: true, cutShort: "it was killed by SIGSEGV" },
  },
  {
    what: "an outcome, then no end in time",
    outcome: { kind: "success", result },
    end: { how: "exited", code: 1, signal: null, killed: { cause: "after_end", message: "it still ran 600 s later" } },
    ending: { kind: "ended", result, wrote: true, cutShort: "it still ran 600 s later" },
  },
  {
    what: "an outcome of an interrupted step that ended by itself",
    outcome: { kind: "failure", result },
    end: { how: "exited", code: 0, signal: null, killed: { cause: "canceled", message: "its run was canceled" } },
    ending: { kind: "ended", result, wrote: true },
  },
  {
    what: "an outcome, then our kill",
    outcome: { kind: "success", result },
    end: { how: "exited", code: null, signal: "SIGKILL" },
    interrupted: true,
    ending: { kind: "ended", result, wrote: true, cutShort: "the worker stopped, or lost its lease" },
  },
  {
    what: "an outcome, then the host's end",
    outcome: { kind: "failure", result },
    end: lost,
    ending: { kind: "ended", result, wrote: true, cutShort: "the step host ended (signal SIGKILL)" },
  },
  {
    what: "a refused permit, while it was killed",
    outcome: { kind: "permit_refused" },
    end: exited,
    interrupted: true,
    ending: { kind: "permit_refused" },
  },
  {
    what: "our kill before any outcome",
    outcome: null,
    end: { how: "exited", code: null, signal: "SIGKILL" },
    interrupted: true,
    ending: { kind: "interrupted" },
  },
  {
    what: "a fault reported while it was killed",
    outcome: { kind: "fault", scope: "step", error },
    end: exited,
    interrupted: true,
    ending: { kind: "interrupted" },
  },
  {
    what: "the host's end after our kill",
    outcome: null,
    end: lost,
    interrupted: true,
    ending: { kind: "interrupted" },
  },
  {
    what: "an exit without an outcome",
    outcome: null,
    end: { how: "exited", code: 3, signal: null },
    ending: died("the step process exited with code 3 before it had an outcome"),
  },
  {
    what: "a crash",
    outcome: null,
    end: { how: "exited", code: null, signal: "SIGSEGV" },
    ending: died("the step process was killed by SIGSEGV before it had an outcome"),
  },
  {
    what: "a SIGKILL that the runner did not send",
    outcome: null,
    end: { how: "exited", code: null, signal: "SIGKILL" },
    ending: died("the step process was killed by SIGKILL before it had an outcome (out of memory?)"),
  },
  {
    what: "neither a code nor a signal",
    outcome: null,
    end: { how: "exited", code: null, signal: null },
    ending: died("the step process could not be started"),
  },
  { what: "the host's end while the process ran", outcome: null, end: lost, ending: hostLost("step") },
  {
    what: "the host's end before there was a process",
    outcome: null,
    end: lost,
    started: false,
    ending: hostLost("host"),
  },
  {
    what: "a notice where a step should be",
    outcome: { kind: "noticed" },
    end: exited,
    ending: died("the step process exited with code 0 before it had an outcome"),
  },
];

describe("how work ended", () => {
  for (const { what, outcome, end, interrupted = false, started = true, ending } of rows) {
    test(`work that ended with ${what} has the ending ${ending.kind}`, () =>
      assert.deepEqual(endingOf({ pid: started ? 4711 : null, outcome }, end, interrupted), ending));
  }
});

describe("what a probe found", () => {
  const rows: readonly [string, Outcome | null, WorkEnd, boolean, ProbeFailure | null][] = [
    ["nothing wrong", { kind: "probed" }, exited, false, null],
    ["nothing wrong, if only just", { kind: "probed" }, exited, true, null],
    ["a fault", { kind: "fault", scope: "location", error }, exited, false, { scope: "location", error }],
    [
      "no answer in time",
      null,
      { how: "exited", code: null, signal: "SIGKILL" },
      true,
      { scope: "instance", error: { class: "NoAnswer", message: "the storage did not answer", traceback: "" } },
    ],
    [
      "its own death",
      null,
      { how: "exited", code: 11, signal: null },
      false,
      {
        scope: "step",
        error: {
          class: "StepProcessDied",
          message: "the step process exited with code 11 before it had an outcome",
          traceback: "",
        },
      },
    ],
  ];
  for (const [what, outcome, end, timedOut, failure] of rows) {
    test(`a probe that ended with ${what} ${failure === null ? "passes" : "fails"}`, () =>
      assert.deepEqual(probeFailureOf({ pid: 4711, outcome }, end, timedOut), failure));
  }
});

describe("what is heard of work", () => {
  test("the frames of work become facts, and the last one its end", async () => {
    const captured: unknown[] = [];
    const started: number[] = [];
    const permits: Permit[] = [];
    const work = new Work("run", {
      ask: async () => ({ granted: true, withinMs: 500 }),
      onStarted: (pid) => started.push(pid),
      onPermit: (permit) => permits.push(permit),
      onCapture: ({ stdout, stderr }) => captured.push([stdout, stderr]),
    });
    work.hear({ type: "started", id: "1", pid: 42 });
    work.hear({ type: "capture", id: "1", stdout: "/out", stderr: "/err", folder: null, job: "nightly" });
    work.hear({ type: "ask", id: "1" });
    await setImmediate();
    work.hear({ type: "ask", id: "1" });
    work.hear({ type: "outcome", id: "1", outcome: { kind: "success", result } });
    const killed = { cause: "silent", message: "it said nothing for 1 s" };
    work.hear({ type: "exited", id: "1", code: 0, signal: null, killed });
    assert.deepEqual(await work.ended, { ...exited, killed });
    assert.deepEqual([work.pid, work.outcome, captured], [42, { kind: "success", result }, [["/out", "/err"]]]);
    assert.deepEqual([started, permits], [[42], [{ granted: true, withinMs: 500 }]]);
  });

  test("the first end of work stands", async () => {
    const work = new Work("run", {
      ask: async () => ({ granted: false }),
      onStarted: () => undefined,
      onPermit: () => undefined,
      onCapture: () => undefined,
    });
    work.lose("signal SIGKILL");
    work.hear({ type: "exited", id: "1", code: 0, signal: null, killed: null });
    assert.deepEqual(await work.ended, lost);
  });
});
