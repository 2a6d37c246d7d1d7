// `taskiq drain`: its configuration, what it says, and its exit code.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drainSetup } from "../../../../cli/drain/drain-config.ts";
import { type Drained, exitCodeOf, progressOf, summaryOf, summaryText } from "../../../../cli/drain/drain-output.ts";
import { configure } from "../../../../cli/options/setup.ts";
import { noOutcomes } from "../../../../core/delivery/outcome-counts.ts";
import { enough, machine } from "../known-machine.ts";

function read(argv: readonly string[], env = enough) {
  const { problems, config } = configure(drainSetup, argv, env, machine);
  return { problems, config: problems.length === 0 ? config() : null };
}

describe("the configuration", () => {
  test("drain takes the options of run and those of its end", () => {
    const { config } = read(["--concurrency", "8", "--max-time", "1h"]);
    assert.deepEqual([config?.worker.concurrency, config?.worker.dagsterHome], [8, "/dagster"]);
    assert.deepEqual([config?.maxMs, config?.settleMs, config?.json], [3_600_000, 60_000, false]);
  });

  const rows: readonly [string, readonly string[], typeof enough, RegExp][] = [
    ["no queue", [], { DAGSTER_HOME: "/dagster" }, /--queue-url, --queue-name or --queue is required/],
    ["no Dagster", [], { ...enough, DAGSTER_HOME: "" }, /--dagster-home is required \(env: DAGSTER_HOME\)/],
    ["polls that prove nothing", ["--wait-time", "0"], enough, /--wait-time must be longer than 0s/],
    ["no time to settle", ["--settle", "0"], enough, /--settle must be a duration from 1s to 1h/],
  ];
  for (const [what, argv, env, says] of rows) {
    test(`drain refuses ${what}`, () => {
      const { problems } = read(argv, env);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", says);
    });
  }
});

const nothing = { visible: 0, inFlight: 0, delayed: 0 };
const ended = { acked: 3, buried: 0, released: 0, lost: 0 };
const snapshot = { received: 3, ended, outcomes: { ...noOutcomes(), success: 3 } };
const fine: Drained = { end: { how: "empty", left: nothing }, snapshot, bug: false, closedBecause: null, seconds: 90 };
const outcomes = (changes: object): Drained => ({
  ...fine,
  snapshot: { ...snapshot, outcomes: { ...noOutcomes(), ...changes } },
});

describe("the exit code", () => {
  const left = { how: "max_time", left: { visible: 2, inFlight: 1, delayed: 0 } } as const;
  const rows: readonly [string, Drained, number][] = [
    ["of an empty queue", fine, 0],
    ["of a step that Dagster will retry", outcomes({ up_for_retry: 1 }), 0],
    ["of a step whose run was over", outcomes({ run_over: 1 }), 0],
    ["of a failed step", outcomes({ failure: 1 }), 1],
    ["of a resource that failed", outcomes({ resource_init_failure: 1 }), 1],
    ["of a step that was given up, as by the sweep", outcomes({ reported: 1 }), 1],
    ["of a step that is parked", outcomes({ parked: 1 }), 1],
    ["of a malformed message", outcomes({ malformed: 1 }), 1],
    ["of a buried message", { ...fine, snapshot: { ...snapshot, ended: { ...ended, buried: 1 } } }, 1],
    ["when the time is over", { ...fine, end: left }, 1],
    ["when the time is over in an outage", { ...fine, end: left, closedBecause: "the ledger is down" }, 3],
    ["of a drain that was stopped", { ...fine, end: { how: "stopped", left: nothing } }, 1],
    [
      "of a drain that was stopped in an outage",
      { ...fine, end: { how: "stopped", left: nothing }, closedBecause: "x" },
      1,
    ],
    ["of a drain that was stopped before it began", { ...fine, end: null }, 1],
    ["of a drain whose worker had a bug", { ...fine, bug: true }, 1],
  ];
  for (const [what, drained, code] of rows)
    test(`drain's exit code ${what} is ${code}`, () => assert.equal(exitCodeOf(drained), code));
});

test("drain's summary says what was done and what is left", () => {
  const work = "3 succeeded, 0 failed, 0 up for retry, 0 given up, 0 buried in 90 s";
  assert.equal(summaryText(fine), `the queue is empty: ${work}`);
  const late: Drained = { ...fine, end: { how: "max_time", left: { visible: 2, inFlight: 1, delayed: 0 } } };
  assert.equal(
    summaryText({ ...late, closedBecause: "the ledger is down" }),
    `not drained, the time is over: ${work}; left: about 3 messages, 1 in flight; not receiving: the ledger is down`,
  );
  assert.deepEqual(summaryOf(late), {
    ...{
      end: "max_time",
      seconds: 90,
      received: 3,
      succeeded: 3,
      failed: 0,
      up_for_retry: 0,
      run_over: 0,
      given_up: 0,
    },
    buried: 0,
    given_back: 0,
    lost: 0,
    approximately_left: 3,
    approximately_in_flight: 1,
  });
});

test("drain's progress counts what is left and says what it waits for", () => {
  const at = { ...snapshot, busy: 1, underWay: 1, closedBecause: null };
  const progress = (changes: object, left: object, elsewhere = 0) =>
    progressOf({ ...at, ...changes } as Parameters<typeof progressOf>[0], { ...nothing, ...left }, elsewhere);
  assert.deepEqual(progress({}, { visible: 5, inFlight: 1 }), {
    done: 3,
    total: 9,
    approximate: true,
    note: "1 running",
  });
  assert.equal(progress({ busy: 0, underWay: 0 }, { inFlight: 2 }, 2).note, "waiting for ~2 in flight elsewhere");
  assert.equal(progress({ busy: 0, underWay: 0 }, { inFlight: 2 }).note, "");
  assert.equal(progress({ busy: 0, underWay: 0 }, {}).note, "looking whether the queue stays empty");
  assert.equal(progress({ closedBecause: "no ledger" }, { visible: 1 }).note, "1 running, not receiving: no ledger");
});
