// The re-execution of runs: one launch for a run, however many operators ask for it, and however
// often.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { planReexecution, reexecute, reexecutionWords } from "../../../../core/dead-letters/replay/reexecution.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { type Asked, fakeDagster, type Reply } from "../../../support/dagster/graphql-server.ts";
import { MemoryLedger } from "../../../support/ports/memory-ledger.ts";
import { api } from "../../dagster/setup.ts";

async function bench(t: TestContext, reply: (asked: Asked) => Reply) {
  const clock = new ManualClock();
  const ledger = new MemoryLedger({ clock, writeBoundMs: 5_000 });
  const { dagster, asked } = await api(t, reply);
  const launches = () => asked.filter(({ query }) => query.startsWith("mutation")).length;
  return { clock, ports: (operator: string) => ({ dagster, ledger, operator, clock }), launches };
}

const failed = () => ({ run: { status: "FAILURE" } });

describe("a run", () => {
  test("a run is re-executed once, also when it is asked for again", async (t) => {
    const { ports, launches } = await bench(t, fakeDagster(failed()));
    assert.deepEqual(await planReexecution("run", ports("a")), { kind: "to_launch", status: "FAILURE" });
    const run = { runId: "again-1", status: "QUEUED" };
    assert.deepEqual(await reexecute("run", ports("a")), { kind: "launched", run });
    assert.deepEqual(await reexecute("run", ports("b")), { kind: "already", run });
    assert.equal(launches(), 1);
  });

  test("a run is re-executed once by two operators at the same instant", async (t) => {
    const { ports, launches } = await bench(t, fakeDagster(failed()));
    const ends = await Promise.all(["a", "b"].map((operator) => reexecute("run", ports(operator))));
    assert.deepEqual(ends.map(({ kind }) => kind).sort(), ["in_hand", "launched"]);
    assert.equal(launches(), 1);
  });

  test("a run that was perhaps re-executed is left alone for a while, and then looked for first", async (t) => {
    const runs: Parameters<typeof fakeDagster>[0] = failed();
    const { clock, ports, launches } = await bench(
      t,
      fakeDagster(runs, () => "hang_up"),
    );
    assert.equal((await reexecute("run", ports("a"))).kind, "in_doubt");
    assert.deepEqual(await reexecute("run", ports("b")), { kind: "in_hand" });
    runs["child"] = { status: "STARTED", parent: "run" };
    await clock.advance(300_000);
    assert.deepEqual(await reexecute("run", ports("b")), {
      kind: "already",
      run: { runId: "child", status: "STARTED" },
    });
    assert.equal(launches(), 1);
  });

  test("a run waits for a re-execution that was just created, and is launched when that one never starts", async (t) => {
    const runs: Parameters<typeof fakeDagster>[0] = failed();
    const { clock, ports, launches } = await bench(t, fakeDagster(runs));
    runs["half"] = { status: "NOT_STARTED", parent: "run", createdAt: clock.wallMs() / 1_000 };
    const waits = { kind: "being_launched", runId: "half" } as const;
    assert.deepEqual([await planReexecution("run", ports("a")), await reexecute("run", ports("a"))], [waits, waits]);
    assert.match(reexecutionWords(waits), /half, and is not launched yet: run this again in 5 minutes/);
    assert.equal(launches(), 0);
    await clock.advance(300_000);
    assert.equal((await reexecute("run", ports("a"))).kind, "launched");
    assert.equal((await reexecute("run", ports("b"))).kind, "already");
    assert.equal(launches(), 1);
  });

  test("a run whose re-execution Dagster refuses can be asked for again at once", async (t) => {
    const refusing: Reply = {
      body: { data: { launchRunReexecution: { __typename: "UnauthorizedError", message: "" } } },
    };
    const { ports } = await bench(
      t,
      fakeDagster(failed(), () => refusing),
    );
    for (const operator of ["a", "b"]) assert.equal((await reexecute("run", ports(operator))).kind, "refused");
  });

  test("a run can be asked for again at once when Dagster could not be reached", async (t) => {
    const { ports } = await bench(t, () => ({ status: 503, body: "" }));
    for (const operator of ["a", "b"]) {
      await assert.rejects(reexecute("run", ports(operator)), { code: "TQ_DAGSTER" });
    }
  });

  for (const [status, kind] of [
    ["CANCELED", "to_launch"],
    ["STARTED", "goes_on"],
    ["CANCELING", "goes_on"],
    ["SUCCESS", "succeeded"],
  ] as const) {
    test(`a re-execution finds a run in ${status} to be ${kind}`, async (t) => {
      const { ports, launches } = await bench(t, fakeDagster({ run: { status } }));
      const plan = await planReexecution("run", ports("a"));
      assert.deepEqual([plan.kind, launches()], [kind, 0]);
      if (kind === "to_launch") return;
      assert.deepEqual(await reexecute("run", ports("a")), plan);
      assert.equal(launches(), 0, reexecutionWords(plan));
    });
  }

  test("a run that Dagster does not know is not re-executed", async (t) => {
    const { ports, launches } = await bench(t, fakeDagster({}));
    assert.deepEqual([await reexecute("run", ports("a")), launches()], [{ kind: "no_such_run" }, 0]);
  });
});
