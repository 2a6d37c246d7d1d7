// Step hosts that do not start: each says what is wrong, within its time, and leaves nothing
// running.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Fault, type FaultCode } from "../../core/faults.ts";
import { python, stepHost } from "../support/dagster/step-hosts.ts";
import { granting, never, stepOrder } from "../support/dagster/step-orders.ts";
import { eventually } from "../support/eventually.ts";

const release = "install the dagster-taskiq release that belongs to this worker";
const wrongPython = "is that the Python that has dagster and dagster-taskiq installed? See the host's lines above";

interface Row {
  readonly program: string;
  readonly code: FaultCode;
  readonly message: string;
  readonly hint?: string;
}

const rows: readonly Row[] = [
  {
    program: "dies-before-ready",
    code: "TQ_HOST_START",
    message: `step host ended before it was ready (exit code 1): ${python} -m dagster_taskiq.host`,
    hint: wrongPython,
  },
  {
    program: "wrong-protocol",
    code: "TQ_HOST_PROTOCOL",
    message: "step host speaks protocol 2 (dagster-taskiq 9.9.9), this worker 1",
    hint: release,
  },
  {
    program: "unknown-greeting",
    code: "TQ_HOST_PROTOCOL",
    message:
      'step host sent a broken frame before it was ready: ready.pid: Invalid key: Expected "pid" but received undefined',
    hint: release,
  },
  {
    program: "fatal",
    code: "TQ_HOST_START",
    message:
      "step host cannot work (INSTANCE): the Dagster instance cannot be opened: $DAGSTER_HOME is not set\n" +
      "DagsterHomeNotSetError: $DAGSTER_HOME is not set\n",
  },
];

describe("a step host that does not start", () => {
  for (const { program, code, message, hint } of rows) {
    test(`the start fails with ${code} with the step host "${program}"`, async (t) => {
      const { runner, alive } = await stepHost(t, program);
      const fault = await rejection(runner.start());
      assert.deepEqual([fault.code, fault.message, fault.hint], [code, message, hint]);
      assert.deepEqual(alive(), []);
      assert.equal(runner.unavailable(), "the step host has not been started");
    });
  }

  test("a step host that is not ready in its start time is ended, and the start fails", async (t) => {
    const { runner, alive } = await stepHost(t, "never-ready", undefined, { startMs: 3_000 });
    const fault = await rejection(runner.start());
    assert.deepEqual([fault.code, fault.message], ["TQ_HOST_START", "step host was not ready within 3 s"]);
    assert.deepEqual(alive(), []);
  });

  test("a Python that does not exist is named in the fault of the start", async (t) => {
    const { runner } = await stepHost(t, "well-behaved", undefined, { python: "/nowhere/python" });
    const fault = await rejection(runner.start());
    assert.equal(fault.code, "TQ_HOST_START");
    assert.equal(
      fault.message,
      "step host ended before it was ready (spawn /nowhere/python ENOENT): /nowhere/python -m dagster_taskiq.host",
    );
  });

  test("a Python that the system refuses to spawn is named in the fault of the start", async (t) => {
    const { runner } = await stepHost(t, "well-behaved", undefined, { variables: { TOO_BIG: "x".repeat(10_000_000) } });
    const fault = await rejection(runner.start());
    assert.deepEqual([fault.code, fault.hint], ["TQ_HOST_START", wrongPython]);
    assert.match(
      fault.message,
      /^step host ended before it was ready \(.*(?:E2BIG|too long).*\): \S+ -m dagster_taskiq\.host$/,
    );
  });

  test("a step host that does not start has its output logged", async (t) => {
    const { runner, logged } = await stepHost(t, "dies-before-ready");
    await rejection(runner.start());
    const lines = await eventually("its last line", () => {
      const messages = logged.messages("host.output");
      return messages.includes("ModuleNotFoundError: No module named 'dagster'") ? messages : null;
    });
    assert.equal(lines[0], "Traceback (most recent call last):");
  });

  test("a step host that did not start answers an order at once with a fault", async (t) => {
    const { runner } = await stepHost(t, "fatal");
    await rejection(runner.start());
    const ending = await runner.execute(stepOrder("load"), granting(), never);
    assert.deepEqual(ending, {
      kind: "fault",
      scope: "host",
      error: {
        class: "StepHostLost",
        message: "the step host ended (the step host has not been started)",
        traceback: "",
      },
    });
  });

  test("a step host that is stopped while it imports ends at once", async (t) => {
    const { runner, alive } = await stepHost(t, "never-ready");
    const starting = rejection(runner.start());
    await eventually("it runs", () => alive().length > 0);
    await runner.stop();
    assert.equal(
      (await starting).message,
      `step host ended before it was ready (signal SIGKILL): ${python} -m dagster_taskiq.host`,
    );
    assert.deepEqual([alive(), runner.unavailable()], [[], "stopping"]);
  });

  test("an order that comes while the host imports ends with a fault of the host", async (t) => {
    const { runner, alive } = await stepHost(t, "never-ready", undefined, { startMs: 3_000 });
    const starting = rejection(runner.start());
    await eventually("it runs", () => alive().length > 0);
    const ending = await runner.execute(stepOrder("load"), granting(), never);
    assert.equal(ending.kind === "fault" && ending.scope, "host");
    await starting;
  });
});

describe("a step host whose code locations cannot be imported", () => {
  const etl = "code location etl cannot be imported: ModuleNotFoundError: No module named 'pandas'";
  const traceback = "\nModuleNotFoundError: No module named 'pandas'\n";

  test("a step host without its code locations takes reports, and logs each cause once until it changes", async (t) => {
    const { runner, logged, folder } = await stepHost(t, "cannot-import", (own) => [`${own}/mended`]);
    await runner.start();
    const both = `${etl}; ${etl.replace("etl", "ml")}`;
    assert.deepEqual([runner.unavailable(), runner.broken()], [both, both]);
    assert.deepEqual(logged.messages("host.ready"), [
      "step host started: Dagster 0.0.0, Python 3.10.0, without etl, ml",
    ]);
    const ending = await runner.execute(stepOrder("load"), granting(), never);
    assert.equal(ending.kind, "ended");
    writeFileSync(`${folder}/mended`, "");
    await eventually("one of them is imported", () => runner.unavailable() === null);
    await eventually("a location of a run fails", () => logged.of("host.location_failed").length === 3);
    assert.deepEqual(logged.messages("host.location_failed"), [
      `${etl}${traceback}`,
      `${etl.replace("etl", "ml")}${traceback}`,
      `${etl.replace("etl", "theirs")}${traceback}`,
    ]);
    assert.deepEqual(logged.messages("host.location_imported"), [
      "code location etl is imported",
      "code location etl is imported again: /srv/etl.py has changed",
    ]);
    assert.deepEqual([runner.unavailable(), runner.broken()], [null, etl.replace("etl", "ml")]);
    assert.equal(logged.of("host.ready").length, 1);
  });
});

async function rejection(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => assert.fail("expected a Fault"),
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw error;
}
