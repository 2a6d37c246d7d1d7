// What is secret stays where it is: op config in the run record, a message's body in its queue,
// variables in the environment. Neither the worker's log at its most talkative, nor its health, the
// ledger, the notes on dead letters or the events in Dagster repeat them.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { readNote } from "../../core/queue/dead-letter-note.ts";
import { eventually } from "../support/eventually.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import { Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";

/**
 * Long enough not to be there by chance, and longer than what an error may quote of a wrong value.
 */
const secret = (where: string) => `${where}-${"s3cr3t".repeat(50)}-end`;

describe("a worker that has secrets all around it", () => {
  let deployment: Deployment;
  let worker: WorkerProcess;
  let port: number;
  const environment = {
    AWS_SECRET_ACCESS_KEY: secret("aws-key"),
    AWS_SESSION_TOKEN: secret("aws-token"),
    WAREHOUSE_PASSWORD: secret("variable"),
  };
  const config = secret("op-config").slice(0, 200);
  const body = secret("body");

  before(async () => {
    deployment = await Deployment.open(50, environment);
    port = await freePort();
    const env = { TASKIQ_LEDGER_URL: `sqlite:${join(deployment.home, "taskiq.sqlite")}` };
    worker = await deployment.startWorker({ flags: ["--health-port", String(port)], env });
  });
  afterEach((t) => deployment.explain(t));
  after(() => deployment.close());

  const send = (fields: object | string) =>
    deployment.send({
      body: typeof fields === "string" ? fields : JSON.stringify(fields),
      groupId: randomUUID(),
      deduplicationId: randomUUID(),
    });

  test("a worker prints none of the secrets around it, whatever becomes of the steps", async () => {
    const { dagster } = deployment;
    const file = join(deployment.home, config);
    const failing = await dagster.launch("counts_runs", { ops: { count: { config: { file, failing_attempts: 1 } } } });
    assert.equal(await dagster.finished(failing), "SUCCESS");

    const runId = await dagster.createRun("one_success");
    const step = { run_id: runId, step_key: "succeed", retry_count: 0, op_config: { password: body } };
    await send({ ...step, inputs: { body } });
    const wrong = [
      await send(`no JSON: ${body}`),
      await send({ ...step, version: 1, retry_mode: body }),
      await send({ ...step, version: 1, retry_mode: "deferred", retry_count: body }),
      await send({ ...step, version: 1, retry_mode: "deferred", tags: { [body]: 1 } }),
    ];
    const buried = await eventually("what nobody can read is buried", async () => {
      const letters = await deployment.deadLetters();
      return letters.length === wrong.length && letters;
    });
    assert.deepEqual(buried.map((letter) => readNote(letter)?.message_id).toSorted(), wrong.toSorted());
    await recordedOnce(deployment, failing);
    const ask = async (page: string) => await (await fetch(`http://127.0.0.1:${port}/${page}`)).text();
    const status = await ask("status.json");
    assert.match(status, new RegExp(`"run_id":"${failing}"`));

    const places = {
      log: worker.log,
      output: worker.stdout,
      health: await ask("readyz"),
      status,
      ledger: deployment.ledger(),
      notes: buried.map(({ attributes }) => attributes),
      events: await dagster.records(failing),
    };
    assert.ok(places.log.length > 20 && places.ledger.length > 2 && places.events.length > 10);
    const secrets = [...Object.values(environment), config, body];
    for (const [where, said] of Object.entries(places)) {
      for (const one of secrets)
        assert.equal(JSON.stringify(said).includes(one), false, `${where}: ${one.slice(0, 12)}`);
    }
  });

  test("a worker hides its own secrets from a step, in every environment from the step's up to its own", async () => {
    const { started: file } = deployment.files();
    const run = await deployment.dagster.launch("tells_environment", { ops: { tell: { config: { file } } } });
    assert.equal(await deployment.dagster.finished(run), "SUCCESS");
    const { own, above } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly own: Readonly<Record<string, string>>;
      readonly above: readonly string[];
    };
    assert.equal(own["WAREHOUSE_PASSWORD"], environment.WAREHOUSE_PASSWORD);
    assert.equal(own["TASKIQ_LEDGER_URL"], undefined);
    const ours = above.filter((text) => text.includes("E2E_WORKER="));
    assert.ok(ours.length >= 2, "the step host and the worker");
    for (const text of ours) assert.doesNotMatch(text, /TASKIQ_LEDGER_URL=\S/);
  });
});
