// `taskiq reexecute` without its queue: how Dagster's web server is named, and what is shown of
// each run.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dagsterApiChoice, dagsterApiOptions } from "../../../../cli/options/dagster-api-options.ts";
import { configText } from "../../../../cli/options/print-config.ts";
import { configure } from "../../../../cli/options/setup.ts";
import { reexecuteRuns } from "../../../../cli/reexecute/reexecute-runs.ts";
import { systemClock } from "../../../../core/clock.ts";
import type { JoinedLetter } from "../../../../core/dead-letters/verdict.ts";
import { verdictOf } from "../../../../core/dead-letters/verdict.ts";
import { fakeDagster } from "../../../support/dagster/graphql-server.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { api } from "../../dagster/setup.ts";
import { aLetter } from "../../dead-letters/letters.ts";
import { Captured } from "../captured.ts";
import { machine } from "../known-machine.ts";

const setup = { options: dagsterApiOptions, rules: () => ({ problems: [], warnings: [] }), config: dagsterApiChoice };

describe("Dagster's web server", () => {
  test("Dagster's web server is named by options or variables, with one header a line", () => {
    const env = { TASKIQ_DAGSTER_URL: "https://d.example/prod", TASKIQ_DAGSTER_HEADERS: "A-B: 1, 2\nC:x:y\r\n" };
    const { problems, config } = configure(setup, [], env, machine);
    assert.deepEqual(problems, []);
    const headers = [
      ["A-B", "1, 2"],
      ["C", "x:y"],
    ];
    assert.deepEqual(config(), { url: "https://d.example/prod", headers, caFile: null });
  });

  test("Dagster's headers are never shown, not even wrong ones", () => {
    const argv = ["--dagster-url", "https://ann:hunter2@d.example", "--dagster-header", "Token: hunter2"];
    const { settings } = configure(setup, argv, {}, machine);
    assert.doesNotMatch(configText(Object.values(settings)), /hunter2/);
    const { problems } = configure(setup, ["--dagster-header", "hunter2"], {}, machine);
    assert.match(problems.join("\n"), /^--dagster-header must be a header such as/m);
    assert.doesNotMatch(problems.join(), /hunter2/);
  });
});

/** Of a run that has its failure, or still waits for it. */
function letter(id: string, runId: string, ended: "failure" | null = "failure"): JoinedLetter {
  const standing = { run: { status: "FAILURE", job: "nightly", goesOn: ended === null }, ended, began: true };
  const evidence = { body: "step", named: true, retryPlanned: false, reason: "crash_loop", row: null } as const;
  const verdict = verdictOf({ ...evidence, sameInstance: null, unsigned: false, standing, nowMs: 0 });
  return { letter: aLetter(id, { body: bodyFor("load", { run_id: runId }) }), row: null, standing, verdict };
}

describe("the re-execution of runs", () => {
  const letters = [letter("m1", "failed"), letter("m2", "failed"), letter("m3", "running"), letter("m4", "open", null)];
  const runs = () => ({ failed: { status: "FAILURE" }, running: { status: "STARTED" }, open: { status: "STARTED" } });

  test("taskiq reexecute plans without a launch, then launches each run once and deletes its letters", async (t) => {
    const { dagster, asked } = await api(t, fakeDagster(runs()));
    const ports = { dagster, ledger: null, operator: "ann", clock: systemClock };
    const shown = async (act: boolean, json = false) => {
      const stdout = new Captured();
      const { code, spent } = await reexecuteRuns(letters, { act, json }, ports, { stdout, env: {} });
      return { code, spent: spent.map((one) => one.letter.message.id), lines: stdout.lines };
    };
    assert.deepEqual(await shown(false), {
      code: 1,
      spent: [],
      lines: [
        "RUN      JOB      LETTERS  RE-EXECUTION",
        "failed   nightly  2        ended in FAILURE: re-execute from failure",
        "running  nightly  1        not over yet (STARTED): re-execute it when it has ended",
      ],
    });
    const launches = () => asked.filter(({ query }) => query.startsWith("mutation")).length;
    assert.equal(launches(), 0);
    const acted = await shown(true);
    assert.deepEqual(
      [acted.spent, acted.lines[1]],
      [["m1", "m2"], "failed   nightly  2        re-executed as again-3"],
    );
    const again = await shown(true, true);
    assert.deepEqual([again.spent, launches()], [["m1", "m2"], 1]);
    assert.deepEqual(JSON.parse(again.lines[0] ?? ""), {
      run_id: "failed",
      letters: ["m1", "m2"],
      kind: "already",
      reexecution: "again-3",
      words: "re-executed already as again-3 (QUEUED): if anything is left to do, re-execute that one",
    });
  });

  test("the runs that were launched are printed also when Dagster then stops answering", async (t) => {
    const answer = fakeDagster({ a: { status: "FAILURE" }, b: { status: "FAILURE" } });
    const { dagster } = await api(t, (asked, nth) => (nth > 2 ? { status: 503, body: "" } : answer(asked)));
    const stdout = new Captured();
    const ports = { dagster, ledger: null, operator: "ann", clock: systemClock };
    const both = [letter("m1", "a"), letter("m2", "b")];
    await assert.rejects(reexecuteRuns(both, { act: true, json: true }, ports, { stdout, env: {} }), {
      code: "TQ_DAGSTER",
    });
    assert.deepEqual(
      stdout.lines.map((line) => JSON.parse(line).kind),
      ["launched"],
    );
  });
});
