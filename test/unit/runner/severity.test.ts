// The importance of a step's output lines: that of the record which they are, or are the rest of.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { outputHearer } from "../../../core/runner/output-lines.ts";
import type { StepOutput } from "../../../core/runner/port.ts";
import { Severity } from "../../../core/runner/severity.ts";
import { Observations } from "../../support/observations.ts";

const dagster = (level: string, text: string) =>
  `2026-01-02 03:04:05 +0000 - dagster - ${level} - nightly - 7f3c - 12 - load - ${text}`;

const rows: readonly (readonly [what: string, lines: readonly (readonly [line: string, level: string])[]])[] = [
  [
    "Dagster's own records",
    [
      [dagster("DEBUG", "STEP_START - Started execution of step."), "debug"],
      [dagster("INFO", "31 days"), "info"],
      [dagster("WARNING", "few days"), "warn"],
      [dagster("CRITICAL", "no days"), "error"],
    ],
  ],
  [
    "a coloured record",
    [["\u001b[32m2026-01-02 03:04:05 +0000\u001b[0m - dagster - \u001b[34mERROR\u001b[0m - x", "error"]],
  ],
  [
    "a print behind a record",
    [
      [dagster("DEBUG", "STEP_OUTPUT"), "debug"],
      ["half done", "info"],
    ],
  ],
  [
    "a failure with its traceback, and what comes after it",
    [
      [dagster("ERROR", "STEP_FAILURE - Execution of step failed."), "error"],
      ["", "error"],
      ["ValueError: no rain", "error"],
      ['  File "a.py", line 1, in load', "error"],
      [dagster("DEBUG", "STEP_OUTPUT"), "debug"],
      ["half done", "info"],
    ],
  ],
  [
    "a retry with its traceback, which is Dagster's debug record",
    [
      [dagster("DEBUG", "STEP_UP_FOR_RETRY - Execution of step failed and has requested a retry."), "debug"],
      ["", "debug"],
      ["RetryRequestedFromPolicy", "debug"],
      ["", "debug"],
      ["Stack Trace:", "debug"],
      [dagster("INFO", "again"), "info"],
    ],
  ],
  [
    "Python's loggers and warnings",
    [
      ["WARNING:root:log to the root logger", "warn"],
      ["DEBUG:urllib3.connectionpool:Starting", "debug"],
      ["/app/weather.py:3: DeprecationWarning: old", "warn"],
    ],
  ],
  [
    "an exception that no code caught",
    [
      ["Traceback (most recent call last):", "error"],
      ['  File "a.py", line 1', "error"],
    ],
  ],
  [
    "what only looks like a record",
    [
      ["ERROR in line 3", "info"],
      ["2026-01-02 - dagster - DEBUG - x", "info"],
      ["", "info"],
    ],
  ],
];

describe("the level of a line", () => {
  for (const [what, lines] of rows) {
    test(`the level of a line is right for ${what}`, () => {
      const severity = new Severity();
      assert.deepEqual(
        lines.map(([line]) => [line, severity.of(line)]),
        lines,
      );
    });
  }
});

describe("--step-output", () => {
  const heard = (stepOutput: StepOutput) => {
    const logged = new Observations();
    const hear = outputHearer({ runId: "r", stepKey: "load", attempt: 1 }, null, {
      observe: logged.observe,
      stepOutput,
    });
    hear?.("stdout", "half done");
    hear?.("stderr", dagster("ERROR", "STEP_FAILURE"));
    hear?.("stdout", "done");
    hear?.("stderr", "ValueError: no rain");
    return logged.of("step.output").map(({ level, message }) => [level, message]);
  };
  const failure = [
    ["error", dagster("ERROR", "STEP_FAILURE")],
    ["error", "ValueError: no rain"],
  ];

  test("--step-output all logs each line at its own level, each stream by itself", () => {
    assert.deepEqual(heard("all"), [["info", "half done"], failure[0], ["info", "done"], failure[1]]);
  });

  test("--step-output errors logs warnings and errors", () => assert.deepEqual(heard("errors"), failure));

  test("--step-output off logs no line", () => assert.deepEqual(heard("off"), []));
});
