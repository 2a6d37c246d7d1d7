// `taskiq fail` and `taskiq reexecute` with a real Dagster: a parked step of a live run is failed,
// and a failed run is re-executed once.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { PYTHON } from "../support/dagster/dagster-sidecar.ts";
import { fakeDagster, startGraphqlServer } from "../support/dagster/graphql-server.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import { runTaskiq, type Variables } from "../support/taskiq/run-taskiq.ts";
import { shellCommands } from "../support/taskiq/shell-lines.ts";

let deployment: Deployment;

before(async () => {
  deployment = await Deployment.open();
});
afterEach((t) => deployment.explain(t));
after(() => deployment.close());

async function ask(command: string, args: readonly string[], variables: Variables = {}) {
  const env = { ...deployment.env, TASKIQ_PYTHON: PYTHON, ...variables };
  const { code, stdout, stderr } = await runTaskiq([command, "--json", ...args], env);
  const lines = stdout.split("\n").slice(0, -1);
  return { code, printed: lines.map((line) => JSON.parse(line)), stderr };
}

describe("taskiq fail", () => {
  test("taskiq fail records the failure of a parked step and ends its run, which taskiq reexecute then launches once", async (t) => {
    const { dagster } = deployment;
    const worker = await deployment.startWorker({ flags: ["--max-starts", "1", "--on-exhausted", "park"] });
    const runId = await dagster.launch("exits_hard");
    await eventually("it is parked", async () => (await deployment.deadLetters()).length === 1, 60_000);
    await worker.stop();
    assert.equal(await dagster.status(runId), "STARTED");

    const which = ["--run", runId];
    const planned = await ask("fail", which);
    assert.deepEqual([planned.code, planned.printed[0]?.kind], [0, "to_fail"], planned.stderr);
    const shown = await eventually("its event says what to type", async () => {
      const messages = (await dagster.records(runId)).map(({ message }) => message);
      return messages.find((message) => message.includes("It is parked: its run waits until you"));
    });
    const [, command = ""] = /let it fail, with (taskiq fail .*)$/.exec(shown) ?? [];
    const words = shellCommands(command.replace("your reason", "bad input"))[0]?.words ?? assert.fail(shown);
    const failed = await ask("fail", [...words.slice(2), "--who", "ann"], {
      TASKIQ_QUEUE_URL: "",
      TASKIQ_QUEUE_NAME: "",
    });
    assert.deepEqual([failed.code, failed.printed[0]?.kind], [0, "failed"], failed.stderr);
    assert.equal(await dagster.finished(runId), "FAILURE");
    await recordedOnce(deployment, runId);
    const [end] = await dagster.terminalEvents(runId);
    assert.match(
      end?.error?.message ?? "",
      /^FailedByOperator: ann gave it up \(bad input\); before that: step_fault: StepProcessDied/,
    );
    const [letter, ...others] = await deployment.deadLetters();
    assert.deepEqual([readNote(letter ?? assert.fail())?.reason, others], ["failed_by_operator", []]);

    const answer = fakeDagster({ [runId]: { status: "FAILURE" } });
    const { url, asked } = await startGraphqlServer(t, answer);
    const variables = { TASKIQ_DAGSTER_URL: url, TASKIQ_DAGSTER_HEADERS: "Dagster-Cloud-Api-Token: hunter2" };
    const yes = ["--yes", "--why", "mended"];
    const launched = await ask("reexecute", [...which, ...yes], variables);
    assert.deepEqual([launched.code, launched.printed[0]?.kind], [0, "launched"], launched.stderr);
    const again = await ask("reexecute", ["--purge", ...which, ...yes], variables);
    assert.deepEqual([again.code, again.printed[0]?.kind], [0, "already"], again.stderr);
    assert.deepEqual(await deployment.deadLetters(), [], "they are purged once their run has its re-execution");
    assert.equal(asked.filter(({ query }) => query.startsWith("mutation")).length, 1);
    assert.ok(asked.every(({ headers }) => headers["dagster-cloud-api-token"] === "hunter2"));
    assert.doesNotMatch(launched.stderr + again.stderr, /hunter2/);
  });
});
