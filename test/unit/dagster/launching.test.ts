// The launch of a re-execution: what Dagster's answers are worth, and what a lost one is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REEXECUTION_TAG } from "../../../core/dagster/api.ts";
import { fakeDagster, launchAnswer } from "../../support/dagster/graphql-server.ts";
import { api, faultOf } from "./setup.ts";

describe("a launch", () => {
  test("a launch re-executes the parent run from failure, with a tag that names it", async (t) => {
    const { dagster, asked } = await api(t, fakeDagster({ run: { status: "FAILURE" } }));
    assert.deepEqual(await dagster.reexecuteFromFailure("run"), {
      kind: "launched",
      run: { runId: "again-1", status: "QUEUED" },
    });
    const extraTags = [{ key: REEXECUTION_TAG, value: "run" }];
    assert.deepEqual(asked[0]?.variables, { params: { parentRunId: "run", strategy: "FROM_FAILURE", extraTags } });
  });

  const message = "what Dagster says\nand a stack";
  const refusals: readonly (readonly [object, string])[] = [
    [
      { __typename: "UnauthorizedError", message },
      "these credentials may not launch re-executions, or the web server is read-only: what Dagster says",
    ],
    [
      { __typename: "RunConfigValidationInvalid", errors: ["a", "b", "c", "d"].map((one) => ({ message: one })) },
      "the run's configuration does not fit the job as its code is now: a; b; c; and 1 more",
    ],
    [
      { __typename: "PipelineNotFoundError", message },
      "its job is in no code location that is loaded now: what Dagster says",
    ],
    [{ __typename: "RunConflict", message }, "another run prevents it: what Dagster says"],
    [
      { __typename: "ConflictingExecutionParamsError", message },
      "its parameters contradict each other: what Dagster says",
    ],
    [
      { __typename: "InvalidSubsetError", message },
      "its steps or assets cannot be chosen any more, or none is left to execute: what Dagster says",
    ],
    [{ __typename: "InvalidStepError", invalidStepKey: "load" }, "the job has no step load any more"],
    [
      { __typename: "InvalidOutputError", stepKey: "load", invalidOutputName: "rows" },
      "the step load has no output rows any more",
    ],
    [{ __typename: "PresetNotFoundError", message }, "the job has changed since it ran: what Dagster says"],
    [{ __typename: "NoModeProvidedError", message }, "the job has changed since it ran: what Dagster says"],
    [{ __typename: "RunNotFoundError", message }, "Dagster knows no such run: what Dagster says"],
    [{ __typename: "PythonError", message }, "Dagster failed: what Dagster says"],
    [{ __typename: "QuotaExceededError", message }, "Dagster answers QuotaExceededError: what Dagster says"],
  ];
  for (const [answer, why] of refusals) {
    test(`a launch answered by ${(answer as { __typename: string }).__typename} is refused in words`, async (t) => {
      const { dagster } = await api(t, () => launchAnswer(answer));
      assert.deepEqual(await dagster.reexecuteFromFailure("run"), { kind: "refused", why });
    });
  }

  for (const [what, lost] of [
    ["hangs up", "hang_up"],
    ["fails in a proxy", { status: 504, body: "<title>Gateway Timeout</title>" }],
    ["cannot be read", { body: { data: { launchRunReexecution: 7 } } }],
    ["is a failure of Dagster's", { body: { data: null, errors: [{ message: "lost" }] } }],
  ] as const) {
    test(`a launch whose answer ${what} is looked for, and is in doubt when it is not found`, async (t) => {
      const runs: Parameters<typeof fakeDagster>[0] = { run: { status: "FAILURE" }, other: { status: "FAILURE" } };
      let happens = true;
      const reply = fakeDagster(runs, () => {
        if (happens) runs["child"] = { status: "STARTING", parent: "run" };
        return lost;
      });
      const { dagster, asked } = await api(t, reply);
      assert.deepEqual(await dagster.reexecuteFromFailure("run"), {
        kind: "launched",
        run: { runId: "child", status: "STARTING" },
      });
      happens = false;
      const end = await dagster.reexecuteFromFailure("other");
      assert.equal(end.kind, "in_doubt");
      assert.equal(asked.filter(({ query }) => query.startsWith("mutation")).length, 2, "never asked for twice");
    });
  }

  test("a launch that cannot have happened is a fault", async (t) => {
    const { dagster } = await api(t, () => ({ status: 403, body: "" }));
    assert.match(await faultOf(dagster.reexecuteFromFailure("run")), /^TQ_DAGSTER_DENIED/);
  });
});
