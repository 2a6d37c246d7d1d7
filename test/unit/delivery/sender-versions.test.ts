// Messages that say which Dagster sent them: another minor version is run and warned of once, one
// that is too new is left to a newer worker.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HostVersions } from "../../../core/runner/port.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";
import { bench } from "./setup.ts";

const ours: HostVersions = {
  dagster: "1.13.27",
  dagsterTaskiq: "0.1.0",
  supported: { oldest: "1.10.21", below: "2" },
};
const from = (dagster: string | null, id = "m1") => message(id, { body: bodyFor(id, { dagster }) });

describe("a message from another minor version of Dagster", () => {
  test("a message of another minor version of Dagster runs, and one warning names each pair of versions", async (t) => {
    const { deliver, runner, logged } = bench(t);
    runner.hostVersions = ours;
    for (const [i, dagster] of ["1.12.22", "1.12.22", "1.12.20", "1.12.22"].entries())
      assert.equal(await deliver(from(dagster, `step${i}`)), "acked");
    const warning = (theirs: string) =>
      `steps come from a run worker with Dagster ${theirs}, and this worker has Dagster 1.13.27; they run, but give both the same version`;
    assert.deepEqual(logged.messages("delivery.other_dagster"), [warning("1.12.22"), warning("1.12.20")]);
  });

  test("a message of a Dagster older than the supported ones runs, and the warning names the range", async (t) => {
    const { deliver, runner, logged } = bench(t);
    runner.hostVersions = ours;
    assert.equal(await deliver(from("1.9.13")), "acked");
    assert.match(
      logged.messages("delivery.other_dagster")[0] ?? "",
      /\(dagster-taskiq 0\.1\.0 supports Dagster 1\.10\.21 or newer, below 2\)$/,
    );
  });

  test("invented versions of Dagster cost no more than fifty warnings", async (t) => {
    const { deliver, runner, logged } = bench(t);
    runner.hostVersions = ours;
    for (let i = 0; i < 60; i += 1) await deliver(from(`1.${100 + i}.0`, `step${i}`));
    assert.equal(logged.messages("delivery.other_dagster").length, 50);
  });
});

for (const [what, dagster, versions] of [
  ["of the same minor version", "1.13.2", ours],
  ["that names no version", null, ours],
  ["to a worker whose host names none", "1.12.22", null],
  [
    "to a worker whose host names no range, from a newer Dagster of the same minor version",
    "1.13.99",
    { ...ours, supported: null },
  ],
] as const) {
  test(`a message ${what} runs without a warning`, async (t) => {
    const { deliver, runner, logged } = bench(t);
    runner.hostVersions = versions;
    assert.equal(await deliver(from(dagster)), "acked");
    assert.deepEqual(logged.messages("delivery.other_dagster"), []);
  });
}

describe("a message from a Dagster that is too new for this worker", () => {
  const sentence =
    "sent by Dagster 2.0.0, which is too new: dagster-taskiq 0.1.0 supports Dagster 1.10.21 or newer, below 2; left for a newer worker";

  test("a message of a Dagster that is too new goes back for five minutes before a claim", async (t) => {
    const { deliver, deeds, runner, logged } = bench(t);
    runner.hostVersions = ours;
    assert.equal(await deliver(from("2.0.0")), "released");
    assert.deepEqual(deeds(), ["extend m1#1 300000"]);
    assert.deepEqual(logged.messages("delivery.newer_dagster"), [sentence]);
  });
});
