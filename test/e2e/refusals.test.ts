// A worker that cannot start says why and what helps. Its exit code separates settings (2) from
// dependencies (3).
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../cli/dev/ports.ts";
import { Deployment, type WorkerOptions } from "../support/taskiq/deployment.ts";

interface Refusal {
  readonly what: string;
  readonly with: () => WorkerOptions | Promise<WorkerOptions>;
  readonly code: 2 | 3;
  /**
   * Word for word; `<home>` stands for the deployment's directory, `<endpoint>` and `<address>` for
   * the SQS it was sent to.
   */
  readonly says: readonly string[];
}

describe("a worker does not start", () => {
  let deployment: Deployment;
  let endpoint = "";

  before(async () => {
    deployment = await Deployment.open();
    mkdirSync(join(deployment.home, "folder"));
    writeFileSync(join(deployment.home, "novel.txt"), "It was a dark and stormy night; the rain fell in torrents.\n");
  });
  after(() => deployment.close());

  const inHome = (name: string) => join(deployment.home, name);
  const ledger = (name: string) => () => ({ flags: ["--ledger-url", `sqlite:${inHome(name)}`] });

  const refusals: readonly Refusal[] = [
    {
      what: "in a DAGSTER_HOME that does not exist",
      with: () => ({ env: { DAGSTER_HOME: inHome("none") } }),
      code: 2,
      says: [
        "taskiq run: cannot start",
        '  --dagster-home must be an existing directory, got "<home>/none" (from DAGSTER_HOME)',
        "Try: taskiq run --help",
      ],
    },
    {
      what: "without a DAGSTER_HOME",
      with: () => ({ env: { DAGSTER_HOME: "" } }),
      code: 2,
      says: [
        "taskiq run: cannot start",
        "  --dagster-home is required (env: DAGSTER_HOME): directory of dagster.yaml",
        "Try: taskiq run --help",
      ],
    },
    {
      what: "on a ledger that is a directory",
      with: ledger("folder"),
      code: 3,
      says: [
        "taskiq run: ledger <home>/folder: the file cannot be opened: unable to open database file (TQ_LEDGER)",
        "  Check that the file and its directory are writable for the worker's user (SQLite keeps -wal and -shm files beside it).",
      ],
    },
    {
      what: "on a ledger that is something else",
      with: ledger("novel.txt"),
      code: 3,
      says: [
        "taskiq run: ledger <home>/novel.txt: the file is not a SQLite database: file is not a database (TQ_LEDGER)",
        "  Restore the file from a backup, or move it away: a new ledger forgets which steps have ended, Dagster's event log does not.",
      ],
    },
    {
      what: "without its Python",
      with: () => ({ flags: ["--python", inHome("python9")] }),
      code: 3,
      says: [
        "taskiq run: step host ended before it was ready (spawn <home>/python9 ENOENT): <home>/python9 -m dagster_taskiq.host (TQ_HOST_START)",
        "  is that the Python that has dagster and dagster-taskiq installed? See the host's lines above",
      ],
    },
    {
      what: "on a queue that does not exist",
      with: () => {
        endpoint = deployment.env["AWS_ENDPOINT_URL_SQS"] ?? "";
        return { env: { TASKIQ_QUEUE_URL: `${endpoint}/000000000000/none.fifo` } };
      },
      code: 2,
      says: [
        "taskiq run: the queue <endpoint>/000000000000/none.fifo does not exist: The specified queue does not exist. (TQ_QUEUE_MISSING)",
        "  Check the queue's URL or name, the region, and which account the credentials belong to.",
      ],
    },
    {
      what: "with a dead letter queue that does not exist",
      with: () => {
        endpoint = deployment.env["AWS_ENDPOINT_URL_SQS"] ?? "";
        return { flags: ["--dlq-name", "none.fifo", "--max-starts", "60"] };
      },
      code: 2,
      says: [
        "taskiq run: cannot start on these queues",
        "  queue <endpoint>/000000000000/steps.fifo has maxReceiveCount 50 for steps that may be started 60 times; expected at least 65: a step that a stopping worker or an outage gives back has cost a receive, too. Raise maxReceiveCount in its redrive policy, or lower --max-starts.",
        "  queue none.fifo does not exist, but is the dead letter queue by the settings; expected a queue that messages can be copied to. Create it, or correct what names it. (TQ_CONFIG)",
      ],
    },
    {
      what: "while SQS cannot be reached",
      with: async () => {
        endpoint = `http://127.0.0.1:${await freePort()}`;
        return { env: { AWS_ENDPOINT_URL_SQS: endpoint, TASKIQ_QUEUE_URL: `${endpoint}/000000000000/steps.fifo` } };
      },
      code: 3,
      says: [
        "taskiq run: SQS does not answer GetQueueAttributes on the queue <endpoint>/000000000000/steps.fifo: connect ECONNREFUSED <address> (TQ_QUEUE)",
        "  Check the network, the endpoint and the region.",
      ],
    },
    {
      what: "without credentials",
      with: async () => {
        endpoint = `http://127.0.0.1:${await freePort()}`;
        const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint };
        return { env: { ...none, TASKIQ_QUEUE_URL: `${endpoint}/000000000000/steps.fifo` } };
      },
      code: 3,
      says: [
        "taskiq run: no AWS credentials for GetQueueAttributes on the queue <endpoint>/000000000000/steps.fifo: the container's credentials endpoint <endpoint>: connect ECONNREFUSED <address> (TQ_CREDENTIALS)",
        "  Check the role of the task, pod or instance, or the profile and variables that name credentials.",
      ],
    },
  ];

  for (const { what, with: options, code, says } of refusals) {
    test(`a worker does not start ${what}`, async () => {
      const worker = deployment.spawnWorker(await options());
      assert.deepEqual(await worker.exit(), { code, signal: null });
      const said = worker.log.filter(({ event }) => event === "not-json").map(({ message }) => message);
      assert.deepEqual(said.map(generalized), says);
      assert.deepEqual(worker.processes(), []);
    });
  }

  function generalized(line: string): string {
    // Deno's text of SQLite's error says once more which file it is.
    const general = line.replaceAll(deployment.home, "<home>").replace("database file: <home>/folder", "database file");
    if (endpoint === "") return general;
    return general.replaceAll(endpoint, "<endpoint>").replaceAll(new URL(endpoint).host, "<address>");
  }
});
