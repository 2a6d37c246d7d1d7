// Variables that look like ours but are not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unknownVariables, variablesOf } from "../../../../cli/options/unknown-variables.ts";
import { workerOptions } from "../../../../cli/options/worker-options.ts";

test("each unknown variable is named, with the one that was meant, and without its value", () => {
  const env = {
    TASKIQ_WORKER_CONCURRENCY: "4",
    TASKIQ_CONCURENCY: "8",
    TASKIQ_ANYTHING: "secret",
    TASKIQ: "x",
    PATH: "/bin",
    LEDGER_URL: "y",
    // Of Services called taskiq and taskiq-worker.
    TASKIQ_PORT: "tcp://10.96.0.9:80",
    TASKIQ_SERVICE_HOST: "10.96.0.9",
    TASKIQ_WORKER_SERVICE_PORT_HTTP: "80",
    TASKIQ_WORKER_PORT_80_TCP_ADDR: "10.96.0.9",
  };
  assert.deepEqual(unknownVariables(env, variablesOf(workerOptions)), [
    "unknown environment variable TASKIQ_ANYTHING",
    "unknown environment variable TASKIQ_CONCURENCY, did you mean TASKIQ_WORKER_CONCURRENCY?",
  ]);
});
