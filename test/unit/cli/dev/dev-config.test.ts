// Arguments and environment of `taskiq dev`, and what they make of its queues and its worker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { devSetup } from "../../../../cli/dev/dev-config.ts";
import type { Env } from "../../../../cli/options/resolve.ts";
import { configure } from "../../../../cli/options/setup.ts";
import { workerSetup } from "../../../../cli/worker/worker-config.ts";
import { machine } from "../known-machine.ts";

function read(argv: readonly string[], env: Env = {}) {
  const { problems, config } = configure(devSetup, argv, env, machine);
  assert.deepEqual(problems, []);
  return config();
}

/** The worker that it starts. */
function worker(argv: readonly string[], env: Env = {}) {
  const args = ["--dagster-home", "/dagster", "--local-sqs", "http://127.0.0.1:1", ...read(argv, env).workerArgs];
  const { problems, config } = configure(workerSetup, args, {}, machine);
  assert.deepEqual(problems, []);
  return config();
}

test("Dagster finds the code, the home is the project's and the UI is on without options", () => {
  const { ui, port, home, queues, locationArgs } = read([]);
  const expected = { ui: true, port: null, home: null, queues: ["steps.fifo"], locationArgs: [] };
  assert.deepEqual({ ui, port, home, queues, locationArgs }, expected);
  assert.equal(worker([]).sweepMs, 5_000);
});

test("queues are given by name, by several names, or by the end of a production URL", () => {
  assert.deepEqual(read(["--queue-name", "orders"]).queues, ["orders"]);
  const several = ["--queue", "high.fifo", "--queue", "https://sqs.eu-west-1.amazonaws.com/1/bulk.fifo:1:max=2"];
  assert.deepEqual(read(several).queues, ["high.fifo", "bulk.fifo"]);
  assert.deepEqual(read([], { TASKIQ_QUEUES: "a,b:3" }).queues, ["a", "b"]);
  const taken = worker(several).queues.map(({ queue, weight, most }) => ({ queue, weight, most }));
  assert.deepEqual(taken, [
    { queue: { name: "high.fifo" }, weight: null, most: null },
    { queue: { url: "https://sqs.eu-west-1.amazonaws.com/1/bulk.fifo" }, weight: 1, most: 2 },
  ]);
});

test("the worker gets its options from the command line", () => {
  const { concurrency, graceMs, locationArgs, limits } = worker(
    ["-f", "a.py", "-f", "b.py", "-d", "src", "--concurrency", "2", "--grace=1m", "--step-timeout", "5m"],
    {},
  );
  assert.deepEqual(
    { concurrency, graceMs, timeoutMs: limits.timeoutMs },
    { concurrency: 2, graceMs: 60_000, timeoutMs: 300_000 },
  );
  assert.deepEqual(locationArgs, ["--python-file", "a.py", "--python-file", "b.py", "--working-directory", "src"]);
});

test("the worker of taskiq dev ignores a production queue in the environment", () => {
  const env = {
    TASKIQ_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/1/orders",
    TASKIQ_LEDGER_URL: "postgres://u@db/x",
  };
  assert.deepEqual(read([], env).queues, ["steps.fifo"]);
  assert.equal(
    read([], env).workerArgs.some((word) => /amazonaws|postgres/.test(word)),
    false,
  );
});
